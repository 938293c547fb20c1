// AdamW on bfloat16 parameters without a float32 master: moments are bfloat16 too, arithmetic is float32, and
// what is stored is rounded stochastically. 6 bytes per parameter beside the gradient.
//
// Per element: p, m, v widened to float32; adamw_element; p, m, v stored as stochastic_bf16 of the results with
// the bits of rounding_bits (the update of p uses m and v before their rounding). Same bits on every device.
#pragma once
#include <ATen/ATen.h>
#include "native/kernels/adamw_update.h"
#include "native/kernels/stochastic_rounding.h"

namespace mira::kernels {

// p, m, v: contiguous bfloat16; g: contiguous float32 or bfloat16; all of one size.
void adamw_stochastic_(at::Tensor& p, at::Tensor& m, at::Tensor& v, const at::Tensor& g, const AdamWScalars&,
                       const RoundingKey&);

}  // namespace mira::kernels
