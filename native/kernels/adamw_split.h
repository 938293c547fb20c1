// AdamW on a float32 master that is stored in two halves: the bfloat16 parameter itself, which is the master rounded
// to nearest, and 16 bits that say where in between the master lies (split_float.h). Exact in the parameter; moments
// are bfloat16, stochastically rounded. 6 bytes per parameter beside weight and gradient.
//
// Per element: master = join_float(p, low); m, v widened; adamw_element; p, low = split_float(master); m and v stored
// as stochastic_bf16 with the bits of rounding_bits (the bits of the weight are not used). Same bits on every device.
#pragma once
#include <ATen/ATen.h>
#include "native/kernels/adamw_update.h"
#include "native/kernels/split_float.h"

namespace mira::kernels {

// p, m, v: contiguous bfloat16; low: contiguous int16; g: contiguous float32 or bfloat16;
// all of one size.
void adamw_split_(at::Tensor& p, at::Tensor& low, at::Tensor& m, at::Tensor& v, const at::Tensor& g,
                  const AdamWScalars&, const RoundingKey&);

}  // namespace mira::kernels
