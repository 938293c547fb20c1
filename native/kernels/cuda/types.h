// The types in which launchers of CUDA kernels are declared, for callers that include no CUDA header.
#pragma once
#include <cstdint>

struct CUstream_st;
typedef struct CUstream_st* cudaStream_t;

namespace mira::kernels::cuda {

// bfloat16 as its bits: the same memory as c10::BFloat16 and __nv_bfloat16.
struct Bf16 { uint16_t bits; };

}  // namespace mira::kernels::cuda
