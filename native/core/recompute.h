// A function of the residual stream that autograd keeps only the input of: backward runs it a second time.
// Its value may come from elsewhere (a trace of the sampler's arithmetic, exact.h); gradients are the function's.
#pragma once
#include <ATen/ATen.h>
#include <functional>

namespace mira {

using LayerFunction = std::function<at::Tensor(const at::Tensor&)>;

// f(h_TH). `parameters`: every tensor that f reads and that may require grad. f must outlive the graph by what it
// captures. With `value` defined, that is the result, f is not run forward, and the graph keeps no copy of it.
at::Tensor recomputed(const at::Tensor& h_TH, at::TensorList parameters, const LayerFunction& f,
                      const at::Tensor& value = {});

}  // namespace mira
