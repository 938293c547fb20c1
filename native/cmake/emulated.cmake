# The target cuda_emulated: native/kernels/cuda/*.cu compiled as plain C++20 over test/native/cuda-emulation, with
# the tests that compare every kernel with float64. What a machine without a GPU and without nvcc can prove.
file(GLOB MIRA_EMULATED_KERNELS CONFIGURE_DEPENDS native/kernels/cuda/*.cu)
file(GLOB MIRA_EMULATED_SOURCES CONFIGURE_DEPENDS test/native/cuda-emulation/*.cpp)
# CMake hands a .cu to the C++ compiler when it is told its language; GCC wants to be told too.
set_source_files_properties(${MIRA_EMULATED_KERNELS} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++")
add_executable(cuda_emulated ${MIRA_EMULATED_KERNELS} ${MIRA_EMULATED_SOURCES})
target_include_directories(cuda_emulated PRIVATE ${CMAKE_SOURCE_DIR} test/native/cuda-emulation)
# Misaligned loads and overflows end the test: on a GPU they would be errors too.
target_compile_options(cuda_emulated PRIVATE -O1 -Wall -Wextra -Wno-unknown-pragmas -Wno-unused-parameter -ffp-contract=off
                       -fsanitize=alignment,bounds,signed-integer-overflow,shift -fno-sanitize-recover=all)
target_link_options(cuda_emulated PRIVATE -fsanitize=undefined)
