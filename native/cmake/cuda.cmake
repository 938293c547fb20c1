# Decides whether this build has a CUDA half, and makes of nvcc, the toolkit and LibTorch's own CUDA the target
# mira_cuda_runtime: headers, libcudart and LibTorch's CUDA libraries, with MIRA_CUDA defined for C++. Sets
# MIRA_WITH_CUDA and MIRA_CUDA_RUNTIME_LIB, the folder of libcudart.
#
#   MIRA_CUDA                 ON (default): a CUDA LibTorch is built for CUDA, which needs nvcc; OFF: CPU only
#   MIRA_CUDA_ARCHITECTURES   list as in CMAKE_CUDA_ARCHITECTURES; default "80-real;90": A100 and H100/H200 code,
#                             and PTX of compute capability 9.0 for what comes after
#
# nvcc is CUDACXX, else that of CUDA_HOME, PATH or /usr/local/cuda. The toolkit need not be whole: headers that it
# lacks (cuBLAS, cuSPARSE, cuSOLVER, which ATen's include) are taken from the wheels that lie beside LibTorch.
option(MIRA_CUDA "build for CUDA when LibTorch is a CUDA build" ON)
set(MIRA_CUDA_ARCHITECTURES "80-real;90" CACHE STRING "GPU architectures to compile kernels for")

set(MIRA_WITH_CUDA OFF)
if(NOT MIRA_CUDA)
  message(STATUS "CUDA: off")
elseif(NOT MIRA_LIB_torch_cuda OR NOT MIRA_LIB_c10_cuda)
  message(STATUS "CUDA: none, this LibTorch is a CPU build")
else()
  set(MIRA_WITH_CUDA ON)
endif()
if(NOT MIRA_WITH_CUDA)
  return()
endif()

find_program(MIRA_NVCC nvcc
             HINTS "$ENV{CUDACXX}" ENV CUDA_HOME ENV CUDA_PATH /usr/local/cuda PATH_SUFFIXES bin NO_CACHE)
if(EXISTS "$ENV{CUDACXX}")
  set(MIRA_NVCC "$ENV{CUDACXX}")
endif()
if(CMAKE_CUDA_COMPILER)
  set(MIRA_NVCC "${CMAKE_CUDA_COMPILER}")
endif()
if(NOT MIRA_NVCC)
  message(FATAL_ERROR "E_CUDA_NVCC: LibTorch in ${MIRA_LIBTORCH_ROOT} is a CUDA build, but there is no nvcc; install "
                      "the CUDA toolkit (12.4 or newer, of LibTorch's major version) or set CUDACXX, or build for the "
                      "CPU alone with -DMIRA_CUDA=OFF.")
endif()
set(CMAKE_CUDA_COMPILER "${MIRA_NVCC}")
set(CMAKE_CUDA_ARCHITECTURES "${MIRA_CUDA_ARCHITECTURES}")
# LibTorch brings libcudart; a second, static one would have its own idea of the current device.
set(CMAKE_CUDA_RUNTIME_LIBRARY None)
enable_language(CUDA)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12.4)
  message(FATAL_ERROR "E_CUDA_NVCC: nvcc 12.4 or newer is needed for C++20, ${MIRA_NVCC} is "
                      "${CMAKE_CUDA_COMPILER_VERSION}; set CUDACXX to a newer one, or build with -DMIRA_CUDA=OFF.")
endif()
# CMake 3.25 does not know that its nvcc takes C++20.
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
endif()
string(REGEX MATCH "^[0-9]+" _major "${CMAKE_CUDA_COMPILER_VERSION}")

# site-packages/nvidia beside site-packages/torch: nvidia/cu13/{include,lib} from CUDA 13 on, nvidia/NAME/ before.
get_filename_component(_wheels "${MIRA_LIBTORCH_ROOT}/../nvidia" ABSOLUTE)
file(GLOB _wheel_includes "${_wheels}/cu${_major}/include" "${_wheels}/*/include")
file(GLOB _wheel_libs "${_wheels}/cu${_major}/lib" "${_wheels}/*/lib")
list(REMOVE_DUPLICATES _wheel_includes)

set(_includes "")
foreach(_header cuda_runtime_api.h cublas_v2.h cublasLt.h cusparse.h cusolverDn.h)
  find_path(_found_${_header} ${_header} PATHS ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES} ${_includes} ${_wheel_includes}
            NO_DEFAULT_PATH NO_CACHE)
  if(NOT _found_${_header})
    message(FATAL_ERROR "E_CUDA_HEADERS: ${_header} is neither in the toolkit of ${MIRA_NVCC} nor in ${_wheels}; install "
                        "the whole CUDA toolkit, or LibTorch from a wheel with its nvidia-* packages.")
  endif()
  list(APPEND _includes "${_found_${_header}}")
endforeach()
list(REMOVE_DUPLICATES _includes)

# The libcudart that LibTorch itself loads, by its full name: one process, one runtime.
set(_cudart "")
foreach(_folder IN LISTS _wheel_libs MIRA_LIBTORCH_LIB CMAKE_CUDA_IMPLICIT_LINK_DIRECTORIES)
  file(GLOB _files "${_folder}/libcudart.so.${_major}" "${_folder}/libcudart-*.so.${_major}*" "${_folder}/libcudart.so.${_major}.*")
  if(_files)
    list(GET _files 0 _cudart)
    break()
  endif()
endforeach()
if(NOT _cudart)
  message(FATAL_ERROR "E_CUDA_RUNTIME: nvcc is CUDA ${_major}, but neither ${_wheels}, ${MIRA_LIBTORCH_LIB} nor the toolkit has "
                      "libcudart.so.${_major}; use an nvcc of the CUDA version LibTorch was built with.")
endif()
set(_needed "")
if(CMAKE_READELF)
  execute_process(COMMAND ${CMAKE_READELF} -d "${MIRA_LIB_c10_cuda}" OUTPUT_VARIABLE _needed ERROR_QUIET)
endif()
if(_needed MATCHES "libcudart[^]]*\\.so\\.([0-9]+)")
  set(_theirs "${CMAKE_MATCH_1}")
  if(NOT _theirs STREQUAL "${_major}")
    message(FATAL_ERROR "E_CUDA_VERSION: LibTorch in ${MIRA_LIBTORCH_ROOT} uses CUDA ${_theirs}, ${MIRA_NVCC} is CUDA "
                        "${CMAKE_CUDA_COMPILER_VERSION}; set CUDACXX to an nvcc of CUDA ${_theirs}, or build with "
                        "-DMIRA_CUDA=OFF.")
  endif()
endif()

get_filename_component(MIRA_CUDA_RUNTIME_LIB "${_cudart}" DIRECTORY)

add_library(mira_cuda_runtime INTERFACE)
target_include_directories(mira_cuda_runtime SYSTEM INTERFACE ${_includes})
target_compile_definitions(mira_cuda_runtime INTERFACE MIRA_CUDA)
# A CUDA build of LibTorch registers its kernels when libtorch_cuda is loaded; no symbol of it may be named, so it
# is kept by force.
target_link_libraries(mira_cuda_runtime INTERFACE -Wl,--no-as-needed "${MIRA_LIB_torch_cuda}" "${MIRA_LIB_c10_cuda}"
                                                  "${_cudart}" -Wl,--as-needed)
message(STATUS "CUDA ${CMAKE_CUDA_COMPILER_VERSION}, architectures ${MIRA_CUDA_ARCHITECTURES}, runtime ${_cudart}")
