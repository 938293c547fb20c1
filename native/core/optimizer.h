// AdamW over a role's trainable tensors with global-norm clipping, and the four ways to store its state.
// The arithmetic is float32 in all of them; they differ in what lies in memory between steps.
#pragma once
#include <ATen/ATen.h>
#include <map>
#include <string>
#include <utility>
#include <vector>
#include "native/core/gradients.h"

namespace mira {

// How the state of a bfloat16 parameter is kept, with bytes per parameter beside weight and gradient. float32
// parameters (adapters, heads, small models) have float32 moments (8) under every name.
enum class AdamWState {
  float32,     // 12: float32 moments and a float32 master
  stochastic,  // 4:  bfloat16 moments, no master; what is stored is rounded stochastically
  split,       // 6:  bfloat16 moments; exact master = the parameter's 16 bits and 16 more
  int8,        // 2.03: 8-bit block-wise moments, no master; rounded stochastically
};

struct AdamWSpec {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  AdamWState state = AdamWState::float32;
  GradientStorage gradients = GradientStorage::float32;
  uint64_t seed = 0;  // of stochastic rounding; a bit is a function of (seed, parameter, step, element)
};
struct OptimizerStep { double grad_norm = 0; bool clipped = false; int64_t step = 0; };

class AdamW {
 public:
  explicit AdamW(const AdamWSpec&);
  // One update from the gathered gradients, which it clears. clip_norm 0 = no clipping. Parameters without a
  // gradient are left alone. Decay applies to matrices, not to norms and biases. Throws std::runtime_error
  // and changes nothing when the gradient is not finite, std::invalid_argument when there is none.
  OptimizerStep step(Gradients&, double lr, double clip_norm);

  const AdamWSpec& spec() const { return spec_; }
  // Throws std::invalid_argument when `state` changes after a step.
  void set_spec(const AdamWSpec&);
  // "step" (int64 scalar), "seed" (int64 scalar, bits of the uint64; not under float32), and for each updated
  // parameter "NAME.exp_avg", "NAME.exp_avg_sq" and, by state, ".master", ".low" (int16 bits), ".exp_avg_scale" and
  // ".exp_avg_sq_scale". On the parameter's device.
  std::vector<std::pair<std::string, at::Tensor>> state(const Gradients&) const;
  // The inverse; tensors may come from any device. The seed continues too. Throws std::invalid_argument naming a
  // tensor that is missing, surplus, of another shape or of another state's dtype.
  void load_state(const Gradients&, const std::map<std::string, at::Tensor>& state);
  // Masters follow the parameters after these were overwritten from outside.
  void refresh_masters(const Gradients&);

 private:
  struct Moments { at::Tensor first, second, master, low, first_scale, second_scale; };
  // One stored tensor of a parameter's state: its name, place, dtype and shape.
  struct Slot { const char* suffix; at::Tensor Moments::* tensor; at::ScalarType dtype; std::vector<int64_t> shape; };
  std::vector<Slot> slots_of(const at::Tensor& parameter) const;
  Moments& moments_of(const Gradients&, size_t i);
  void update(const at::Tensor& parameter, size_t index, Moments&, const at::Tensor& gradient, double lr, double scale);

  AdamWSpec spec_;
  int64_t step_ = 0;
  std::vector<Moments> moments_;
};

}  // namespace mira
