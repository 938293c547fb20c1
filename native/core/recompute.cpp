// The autograd node that recomputes; see recompute.h.
#include "native/core/recompute.h"
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>
#include <utility>

namespace mira {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

struct Recompute : torch::CustomClassHolder {
  explicit Recompute(LayerFunction f) : layer(std::move(f)) {}
  LayerFunction layer;
};

struct Recomputed : Function<Recomputed> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& h_TH, at::TensorList parameters,
                            const LayerFunction& layer, const at::Tensor* value) {
    variable_list saved{h_TH};
    saved.insert(saved.end(), parameters.begin(), parameters.end());
    ctx->save_for_backward(saved);
    ctx->saved_data["layer"] = c10::IValue::make_capsule(c10::make_intrusive<Recompute>(layer));
    if (value->defined()) return value->detach();  // apply marks what is returned: not the caller's own handle
    at::NoGradGuard no_grad;
    return layer(h_TH);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto recompute = c10::static_intrusive_pointer_cast<Recompute>(ctx->saved_data["layer"].toCapsule());
    at::AutoGradMode with_grad(true);
    const at::Tensor h = saved[0].detach().requires_grad_(saved[0].requires_grad());
    variable_list inputs;
    std::vector<size_t> slots;
    for (size_t i = 0; i < saved.size(); ++i) {
      const at::Tensor& input = i == 0 ? h : saved[i];
      if (!input.requires_grad()) continue;
      inputs.push_back(input);
      slots.push_back(i);
    }
    const variable_list found = torch::autograd::grad({recompute->layer(h)}, inputs, {grads[0]});
    variable_list result(saved.size() + 2);  // the last slots stand for the function and the value
    for (size_t i = 0; i < slots.size(); ++i) result[slots[i]] = found[i];
    return result;
  }
};

}  // namespace

at::Tensor recomputed(const at::Tensor& h_TH, at::TensorList parameters, const LayerFunction& f,
                      const at::Tensor& value) {
  return Recomputed::apply(h_TH, parameters, f, &value);
}

}  // namespace mira
