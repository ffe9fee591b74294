# Install rules, and find_package(mpc) for the install folder and for the build folder alike.
#
#   find_package(mpc REQUIRED CONFIG)      -DCMAKE_PREFIX_PATH=<install prefix>, or -Dmpc_DIR=<build>/lib/cmake/mpc
#
# defines mpc::mpc_options (header folders and compile options: all that a plugin needs), mpc::MPCInitAll and the rooms'
# libraries (for tools), the programs mpc::mpc-opt, mpc::mpc-compile, ..., and what find_package(MLIR) defines.
include(CMakePackageConfigHelpers)

set(mpc_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/mpc)
# Every library below lib/, and the one of runtime/ that the compiler uses as well.
function(mpc_collect_libraries directory result)
  get_property(targets DIRECTORY ${directory} PROPERTY BUILDSYSTEM_TARGETS)
  get_property(subdirectories DIRECTORY ${directory} PROPERTY SUBDIRECTORIES)
  set(libraries)
  foreach(target ${targets})
    get_target_property(type ${target} TYPE)
    if(type STREQUAL STATIC_LIBRARY)
      list(APPEND libraries ${target})
    endif()
  endforeach()
  foreach(subdirectory ${subdirectories})
    mpc_collect_libraries(${subdirectory} below)
    list(APPEND libraries ${below})
  endforeach()
  set(${result} ${libraries} PARENT_SCOPE)
endfunction()
mpc_collect_libraries(${PROJECT_SOURCE_DIR}/lib mpc_libraries)
list(APPEND mpc_libraries MPCCpu MPCTable)
get_property(mpc_tools GLOBAL PROPERTY MPC_TOOLS)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/mpc ${PROJECT_BINARY_DIR}/include/mpc
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h" PATTERN "*.h.inc" PATTERN "*.td" PATTERN "CMakeFiles" EXCLUDE)
install(TARGETS mpc_options mpc_mlir mpc_onnx_proto mpc_cbc mpc_register_all ${mpc_libraries} EXPORT mpcTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS ${mpc_tools} EXPORT mpcTargets RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(EXPORT mpcTargets NAMESPACE mpc:: DESTINATION ${mpc_package_dir})

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/mpcConfig.cmake.in ${PROJECT_BINARY_DIR}/mpcConfig.cmake
  INSTALL_DESTINATION ${mpc_package_dir})
# 0.x: every minor version may change what plugins are built against.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/mpcConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/mpcConfig.cmake ${PROJECT_BINARY_DIR}/mpcConfigVersion.cmake
  DESTINATION ${mpc_package_dir})

# The build folder as a package: plugins are developed against it without installing.
set(mpc_build_package_dir ${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/cmake/mpc)
export(EXPORT mpcTargets NAMESPACE mpc:: FILE ${mpc_build_package_dir}/mpcTargets.cmake)
configure_file(${PROJECT_BINARY_DIR}/mpcConfig.cmake ${mpc_build_package_dir}/mpcConfig.cmake COPYONLY)
configure_file(${PROJECT_BINARY_DIR}/mpcConfigVersion.cmake ${mpc_build_package_dir}/mpcConfigVersion.cmake COPYONLY)
