// GeGLU on the fused projection: y = gelu_tanh(gate) * up for gate|up side by side; backward recomputes.
#pragma once
#include <ATen/ATen.h>

namespace mira::kernels {

at::Tensor geglu_forward(const at::Tensor& gate_up_T2F);  // [T,2F] -> [T,F], no autograd
at::Tensor geglu(const at::Tensor& gate_up_T2F);          // differentiable

}  // namespace mira::kernels
