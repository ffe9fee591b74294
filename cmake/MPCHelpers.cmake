# mpc_add_library(NAME sources... [DEPENDS targets...] [LINK libraries...])
#   A static library of one room. Every room sees the same include folders; which rooms it may use is written in
#   docs/Architecture.md and follows from LINK.
# mpc_add_tool(NAME sources... [LINK libraries...])
#   A program in build/bin.
add_library(mpc_options INTERFACE)
add_library(mpc::mpc_options ALIAS mpc_options)
target_include_directories(mpc_options INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(mpc_options INTERFACE cxx_std_17)
# Part of the ABI of libMLIR.so: whoever derives from its classes must not have RTTI either.
target_compile_options(mpc_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>
  $<BUILD_INTERFACE:-Wall;-Wextra;-Wno-unused-parameter>
  $<$<COMPILE_LANGUAGE:CXX>:$<BUILD_INTERFACE:-Wno-deprecated-declarations>>)
if(MPC_ENABLE_SANITIZERS)
  target_compile_options(mpc_options INTERFACE -fsanitize=address,undefined -fno-sanitize=vptr,function -fno-omit-frame-pointer)
  target_link_options(mpc_options INTERFACE -fsanitize=address,undefined)
endif()
if(MPC_ENABLE_FUZZERS)
  target_compile_options(mpc_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
# The LLVM and MLIR headers; mpcConfig.cmake does the same where mpc is installed.
foreach(dir ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  target_include_directories(mpc_options SYSTEM INTERFACE $<BUILD_INTERFACE:${dir}>)
endforeach()

add_library(mpc_mlir INTERFACE)
target_link_libraries(mpc_mlir INTERFACE MLIR LLVM)

# Most of a file's compilation would be reading MLIR's headers. Files still include what they use: -DMPC_PRECOMPILE_HEADERS=OFF
# builds without.
if(MPC_PRECOMPILE_HEADERS)
  add_library(mpc_precompiled OBJECT ${PROJECT_SOURCE_DIR}/cmake/precompiled.cpp)
  target_link_libraries(mpc_precompiled PRIVATE mpc_options mpc_mlir)
  target_compile_options(mpc_precompiled PRIVATE -fno-exceptions)
  target_precompile_headers(mpc_precompiled PRIVATE ${PROJECT_SOURCE_DIR}/cmake/precompiled.h)
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    target_compile_options(mpc_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:$<BUILD_INTERFACE:SHELL:-Xclang -fno-pch-timestamp>>)
  endif()
endif()

function(mpc_add_library name)
  cmake_parse_arguments(ARG "EXCEPTIONS" "" "DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC mpc_options mpc_mlir ${ARG_LINK})
  if(NOT ARG_EXCEPTIONS)
    target_compile_options(${name} PRIVATE -fno-exceptions)
    if(MPC_PRECOMPILE_HEADERS)
      target_precompile_headers(${name} REUSE_FROM mpc_precompiled)
    endif()
  endif()
  add_dependencies(${name} mpc-headers)
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  set_property(GLOBAL APPEND PROPERTY MPC_LIBRARIES ${name})
endfunction()

# What a sanitized program needs beside packaged libraries that are not.
function(mpc_add_sanitizer_defaults name)
  if(MPC_ENABLE_SANITIZERS)
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/sanitizer-defaults.cpp)
  endif()
endfunction()

function(mpc_add_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  mpc_add_sanitizer_defaults(${name})
  target_link_libraries(${name} PRIVATE mpc_options ${ARG_LINK})
  # libMLIR.so lies outside the loader's folders.
  set_target_properties(${name} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
  set_property(GLOBAL APPEND PROPERTY MPC_TOOLS ${name})
endfunction()

# Upstream's registration of all dialects, extensions and passes: the files of the archives, since their CMake targets
# would put the component archives beside libMLIR.so.
add_library(mpc_register_all INTERFACE)
foreach(part Dialects Extensions Passes)
  target_link_libraries(mpc_register_all INTERFACE $<TARGET_FILE:MLIRRegisterAll${part}>)
endforeach()
target_link_libraries(mpc_register_all INTERFACE mpc_mlir)
