// AdamW on bfloat16 parameters with moments of one byte each (codes of moment_code.h, one float32 scale per block
// of 256 consecutive elements and moment). 4.03 bytes per parameter beside the gradient.
//
// Per block: p widened, m, v decoded with the block's old scales; adamw_element; p stored as stochastic_bf16; the
// new scales are the largest |m| and v of the block; m, v stored as encode_first/second with these scales; random
// bits of all three from rounding_bits. The update of p uses m and v before their rounding. Same bits on every
// device (a maximum does not depend on its order).
#pragma once
#include <ATen/ATen.h>
#include "native/kernels/adamw_update.h"
#include "native/kernels/moment_code.h"
#include "native/kernels/stochastic_rounding.h"

namespace mira::kernels {

inline constexpr int64_t moment_blocks(int64_t count) { return (count + kMomentBlock - 1) / kMomentBlock; }

// Contiguous: p bfloat16, m int8 and v uint8 of p's size; m_scale, v_scale float32 [moment_blocks(p.numel())];
// g float32 or bfloat16 of p's size.
void adamw_int8_(at::Tensor& p, at::Tensor& m, at::Tensor& v, at::Tensor& m_scale, at::Tensor& v_scale,
                 const at::Tensor& g, const AdamWScalars&, const RoundingKey&);

}  // namespace mira::kernels
