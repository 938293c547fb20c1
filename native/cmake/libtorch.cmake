# Turns the folder LIBTORCH into the target mira_libtorch: include folders and libraries by path.
# find_package(Torch) is avoided on purpose: it takes whatever the system has when the prefix is wrong, and it
# adds run paths and flags of the machine PyTorch was built on. libtorch_cpu and libc10, with MIRA_CUDA also
# libtorch_cuda and libc10_cuda, are the whole ABI in use. Leaves compiling for CUDA to cuda.cmake.
set(LIBTORCH "" CACHE PATH "LibTorch root: a folder with include/ and lib/")
set(_candidates ${LIBTORCH})
if(NOT _candidates AND DEFINED ENV{LIBTORCH})
  set(_candidates "$ENV{LIBTORCH}")
endif()
if(NOT _candidates)
  foreach(_prefix IN LISTS CMAKE_PREFIX_PATH)
    # torch.utils.cmake_prefix_path is ROOT/share/cmake.
    list(APPEND _candidates "${_prefix}" "${_prefix}/../..")
  endforeach()
endif()
set(_root "")
foreach(_candidate IN LISTS _candidates)
  if(EXISTS "${_candidate}/include/ATen/ATen.h")
    get_filename_component(_root "${_candidate}" REALPATH)
    break()
  endif()
endforeach()
if(NOT _root)
  message(FATAL_ERROR "E_LIBTORCH_MISSING: expected -DLIBTORCH=DIR with DIR/include/ATen/ATen.h and DIR/lib, "
                      "got '${_candidates}'; run `npm run setup`, which finds or downloads one.")
endif()

set(MIRA_LIBTORCH_LIB "${_root}/lib")
foreach(_name c10 torch_cpu)
  find_library(MIRA_LIB_${_name} ${_name} PATHS "${MIRA_LIBTORCH_LIB}" NO_DEFAULT_PATH NO_CACHE)
  if(NOT MIRA_LIB_${_name})
    message(FATAL_ERROR "E_LIBTORCH_MISSING: lib${_name} is not in ${MIRA_LIBTORCH_LIB}; "
                        "LIBTORCH must hold the headers and the libraries of one release.")
  endif()
endforeach()

# Headers of one release over libraries of another load and then corrupt memory: compare what both say.
set(_version_header "${_root}/include/torch/headeronly/version.h")
if(NOT EXISTS "${_version_header}")
  set(_version_header "${_root}/include/torch/csrc/api/include/torch/version.h")
endif()
file(STRINGS "${_version_header}" _lines REGEX "#define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
string(REGEX REPLACE ".*MAJOR ([0-9]+).*MINOR ([0-9]+).*PATCH ([0-9]+).*" "\\1.\\2.\\3"
       MIRA_LIBTORCH_VERSION "${_lines}")
if(NOT MIRA_LIBTORCH_VERSION MATCHES "^2\\.1[1-4]\\.")
  message(FATAL_ERROR "E_LIBTORCH_VERSION: LibTorch 2.11 to 2.14 is supported, ${_root} holds "
                      "'${MIRA_LIBTORCH_VERSION}'; set LIBTORCH to another folder, or unset it and run "
                      "`npm run setup`.")
endif()
foreach(_file "${_root}/version.py" "${_root}/build-version")
  if(EXISTS "${_file}")
    file(STRINGS "${_file}" _lines REGEX "^(__version__ = )?['\"]?[0-9]+\\.[0-9]+\\.[0-9]+" LIMIT_COUNT 1)
    string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" _libraries "${_lines}")
    if(_libraries AND NOT _libraries VERSION_EQUAL MIRA_LIBTORCH_VERSION)
      message(FATAL_ERROR "E_LIBTORCH_MIXED: headers in ${_root} are ${MIRA_LIBTORCH_VERSION} but ${_file} "
                          "says ${_libraries}; LIBTORCH must hold the headers and the libraries of one release.")
    endif()
  endif()
endforeach()

add_library(mira_libtorch INTERFACE)
target_include_directories(mira_libtorch SYSTEM INTERFACE "${_root}/include"
                           "${_root}/include/torch/csrc/api/include")
target_link_libraries(mira_libtorch INTERFACE "${MIRA_LIB_torch_cpu}" "${MIRA_LIB_c10}")
if(NOT APPLE)
  target_compile_definitions(mira_libtorch INTERFACE _GLIBCXX_USE_CXX11_ABI=1)
endif()
find_library(MIRA_LIB_torch_cuda torch_cuda PATHS "${MIRA_LIBTORCH_LIB}" NO_DEFAULT_PATH NO_CACHE)
find_library(MIRA_LIB_c10_cuda c10_cuda PATHS "${MIRA_LIBTORCH_LIB}" NO_DEFAULT_PATH NO_CACHE)
set(MIRA_LIBTORCH_ROOT "${_root}")
message(STATUS "LibTorch ${MIRA_LIBTORCH_VERSION} in ${_root}")
