# Finds LLVM/MLIR 22.1 (Debian's libMLIR.so and libLLVM.so), nlohmann/json, libonnx, protobuf, libjpeg, libpng and COIN-OR CBC.
# The distribution keeps each LLVM version in its own prefix, which llvm-config knows and CMake does not search.
find_program(MPC_LLVM_CONFIG NAMES llvm-config-22 llvm-config DOC "llvm-config of LLVM 22.1")
if(MPC_LLVM_CONFIG)
  execute_process(COMMAND ${MPC_LLVM_CONFIG} --prefix OUTPUT_VARIABLE mpc_llvm_prefix OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
# The configuration accepts one major.minor only: asking for "22" is refused.
find_package(MLIR 22.1 REQUIRED CONFIG HINTS ${mpc_llvm_prefix}/lib/cmake/mlir)
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
# One libMLIR.so: naming the component archives too would put every TypeID into a program twice.
set(MLIR_LINK_MLIR_DYLIB ON)
set(LLVM_LINK_LLVM_DYLIB ON)
set(MLIR_BINARY_DIR ${PROJECT_BINARY_DIR}) # mlir-doc writes below it
include(TableGen)
include(AddLLVM)
include(AddMLIR)

find_package(nlohmann_json 3.11 REQUIRED)
find_package(Protobuf REQUIRED)
find_package(ZLIB REQUIRED)
find_package(JPEG REQUIRED) # pictures as samples
find_package(PNG REQUIRED)
find_package(Threads REQUIRED)

find_library(MPC_ONNX_PROTO_LIBRARY onnx_proto REQUIRED)
find_path(MPC_ONNX_INCLUDE_DIR onnx/onnx_pb.h REQUIRED)
add_library(mpc_onnx_proto INTERFACE)
target_include_directories(mpc_onnx_proto SYSTEM INTERFACE $<BUILD_INTERFACE:${MPC_ONNX_INCLUDE_DIR}>)
target_compile_definitions(mpc_onnx_proto INTERFACE ONNX_NAMESPACE=onnx ONNX_ML=1)
# Where mpc is installed, mpcConfig.cmake looks for the library again.
target_link_libraries(mpc_onnx_proto INTERFACE $<BUILD_INTERFACE:${MPC_ONNX_PROTO_LIBRARY}> protobuf::libprotobuf)

# The solver of --precision=auto.
find_library(MPC_CBC_LIBRARY CbcSolver REQUIRED)
find_path(MPC_CBC_INCLUDE_DIR coin/Cbc_C_Interface.h REQUIRED)
add_library(mpc_cbc INTERFACE)
target_include_directories(mpc_cbc SYSTEM INTERFACE $<BUILD_INTERFACE:${MPC_CBC_INCLUDE_DIR}> $<BUILD_INTERFACE:${MPC_CBC_INCLUDE_DIR}/coin>)
target_link_libraries(mpc_cbc INTERFACE $<BUILD_INTERFACE:${MPC_CBC_LIBRARY}>)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # The sloppiness that ccache asks for before it caches what uses a precompiled header.
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE_PROGRAM})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_C_COMPILER_LAUNCHER})
endif()
