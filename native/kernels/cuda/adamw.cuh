// AdamW on CUDA in its four storages; adamw.h, adamw_stochastic.h, adamw_split.h and adamw_int8.h are the twins and
// the meaning. All but the float32 one give the twins' bits, which rests on IEEE division and square root: these
// files must not be compiled with -use_fast_math. G, the gradient, is float or Bf16.
#pragma once
#include "native/kernels/adamw_update.h"
#include "native/kernels/cuda/types.h"
#include "native/kernels/stochastic_rounding.h"

namespace mira::kernels::cuda {

template <class G>
void adamw(float* p, float* m, float* v, const G* g, int64_t count, const AdamWFactors&, cudaStream_t stream);

// p, m, v: bits of bfloat16.
template <class G>
void adamw_stochastic(uint16_t* p, uint16_t* m, uint16_t* v, const G* g, int64_t count, const AdamWFactors&,
                      const RoundingKey&, cudaStream_t stream);

template <class G>
void adamw_split(uint16_t* p, uint16_t* low, uint16_t* m, uint16_t* v, const G* g, int64_t count, const AdamWFactors&,
                 const RoundingKey&, cudaStream_t stream);

// Scales float32, one per 256 elements.
template <class G>
void adamw_int8(uint16_t* p, int8_t* m, uint8_t* v, float* m_scale, float* v_scale, const G* g, int64_t count,
                const AdamWFactors&, const RoundingKey&, cudaStream_t stream);

}  // namespace mira::kernels::cuda
