// AdamW over a role's trainable tensors: float32 moments, global-norm clipping, gradients accumulated in
// float32 over any number of backward passes, float32 master copies of bfloat16 parameters.
#pragma once
#include <ATen/ATen.h>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace mira {

// Gradients gathered from autograd between optimizer steps.
class Gradients {
 public:
  explicit Gradients(std::vector<std::pair<std::string, at::Tensor>> parameters);
  // Takes over what the last backward pass left in .grad. bfloat16 gradients are summed in float32 here;
  // float32 ones stay where autograd sums them.
  void collect();
  void clear();
  bool empty() const;
  size_t size() const { return parameters_.size(); }
  const std::string& name(size_t i) const { return parameters_[i].first; }
  const at::Tensor& parameter(size_t i) const { return parameters_[i].second; }
  // float32, contiguous; undefined when nothing reached this parameter.
  at::Tensor of(size_t i) const;

 private:
  std::vector<std::pair<std::string, at::Tensor>> parameters_;
  std::vector<at::Tensor> sums_;  // only for parameters that are not float32
};

struct AdamWSpec { double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0; };
struct OptimizerStep { double grad_norm = 0; bool clipped = false; int64_t step = 0; };

class AdamW {
 public:
  explicit AdamW(const AdamWSpec&);
  // One update from the gathered gradients, which it clears. clip_norm 0 = no clipping. Parameters without a
  // gradient are left alone. Decay applies to matrices, not to norms and biases. Throws std::runtime_error
  // and changes nothing when the gradient is not finite, std::invalid_argument when there is none.
  OptimizerStep step(Gradients&, double lr, double clip_norm);

  const AdamWSpec& spec() const { return spec_; }
  void set_spec(const AdamWSpec&);
  // "NAME.exp_avg", "NAME.exp_avg_sq", "NAME.master" and "step" (int64 scalar).
  std::vector<std::pair<std::string, at::Tensor>> state(const Gradients&) const;
  // The inverse. Throws std::invalid_argument naming a tensor that is missing, surplus or of another shape.
  void load_state(const Gradients&, const std::map<std::string, at::Tensor>& state);
  // Masters follow the parameters after these were overwritten from outside.
  void refresh_masters(const Gradients&);

 private:
  struct Moments { at::Tensor first, second, master; };
  Moments& moments_of(const Gradients&, size_t i);

  AdamWSpec spec_;
  int64_t step_ = 0;
  std::vector<Moments> moments_;
};

}  // namespace mira
