// The gradients of a role's trainable tensors between optimizer steps: gathered from autograd over any number of
// backward passes, with a way back when a pass fails half-way. Leaves out norms, clipping and updates.
#pragma once
#include <ATen/ATen.h>
#include <string>
#include <utility>
#include <vector>

namespace mira {

enum class GradientStorage {
  float32,    // sums in float32 whatever the parameter's dtype; a failed pass adds nothing
  parameter,  // summed by autograd in the parameter's dtype, in place: no second buffer, for models that fill memory
};

class Gradients {
 public:
  explicit Gradients(std::vector<std::pair<std::string, at::Tensor>> parameters);

  GradientStorage storage() const { return storage_; }
  // Throws std::invalid_argument when gradients are pending under another storage.
  void set_storage(GradientStorage);

  // Around a backward pass: begin, then collect when it returned, or abandon when it threw. After abandon the sums
  // are those before the pass; where that cannot be had (storage `parameter`, earlier passes pending, and this one
  // had already added to them) all are cleared: passes() tells.
  void begin();
  void collect();
  void abandon();
  void clear();

  bool empty() const;
  // Backward passes in the sums since the last clear.
  int64_t passes() const { return passes_; }
  size_t size() const { return parameters_.size(); }
  const std::string& name(size_t i) const { return parameters_[i].first; }
  const at::Tensor& parameter(size_t i) const { return parameters_[i].second; }
  // Contiguous, float32 or the parameter's dtype (see storage); undefined when nothing reached this parameter.
  at::Tensor of(size_t i) const;

 private:
  std::vector<std::pair<std::string, at::Tensor>> parameters_;
  std::vector<at::Tensor> sums_;  // storage float32 only
  std::vector<int64_t> versions_; // of .grad at begin(), -1 = none; storage parameter only
  GradientStorage storage_ = GradientStorage::float32;
  int64_t passes_ = 0;
};

}  // namespace mira
