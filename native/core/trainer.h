// The verbs of a role: score, accumulate gradients, update. One Trainer per role; engine thread only. Batches, targets
// and objectives come on the CPU and results go there, whatever device the weights are on.
#pragma once
#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "native/core/batch.h"
#include "native/core/exact.h"
#include "native/core/forward.h"
#include "native/core/logprob.h"
#include "native/core/memory_meter.h"
#include "native/core/objective.h"
#include "native/core/optimizer.h"
#include "native/core/role.h"

namespace mira {

enum class CriticLoss { bce, mse };
struct CriticTargets {
  at::Tensor targets_BM, weights_BM;  // float32; weight 0 = not trained on
  std::vector<CriticLoss> losses;     // [M], both on sigmoid(score)
  double normaliser = 1;
};
struct PolicyStep { double loss = 0; at::Tensor logprob_N, log_ratio_A; };
struct CriticStep { double loss = 0; std::vector<double> loss_per_head; at::Tensor scores_BM; };

class Trainer {
 public:
  explicit Trainer(std::shared_ptr<Role> role);
  const std::shared_ptr<Role>& role() const { return role_; }

  // No gradients.
  Logprobs logprobs(const PackedBatch&, const LogprobOptions&);
  at::Tensor logits(const PackedBatch&, const std::atomic<bool>* cancelled) const;      // [T,V] float32
  at::Tensor head_scores(const PackedBatch&, const std::atomic<bool>* cancelled) const; // [B,M] raw

  // Forward and backward; gradients add up until optimizer_step. A step that is cancelled or fails has added nothing,
  // or, where gradients are summed in place (GradientStorage::parameter), has cleared them all: see
  // accumulated_steps().
  // `exact`: scored with the sampler's arithmetic; layers are then checkpointed in full whatever the options say.
  PolicyStep policy_step(const PackedBatch&, const Objective&, const ForwardOptions&, int64_t chunk,
                         Exact exact = Exact::off);
  CriticStep critic_step(const PackedBatch&, const CriticTargets&, const ForwardOptions&);
  // Never throws: a spec that does not fit what came before is refused by the next verb of the optimizer.
  void configure_optimizer(const AdamWSpec&) noexcept;
  OptimizerStep optimizer_step(double lr, double clip_norm);
  void zero_gradients() { gradients_.clear(); }
  // Policy and critic steps whose gradients wait for the next optimizer step.
  int64_t accumulated_steps() const { return gradients_.passes(); }
  // Bytes of tensors that the layers of a forward pass leave for backward, measured by running it.
  MemoryUse activation_memory(const PackedBatch&, const ForwardOptions&) const;

  const Gradients& gradients() const { return gradients_; }
  // Float32 copies under the names of Role::named(). A gradient that nothing reached is zero; the gradient of
  // a frozen parameter is an error.
  at::Tensor parameter(const std::string& name) const;
  at::Tensor gradient(const std::string& name) const;
  AdamW& optimizer();  // throws when configure_optimizer was not called or its spec was refused
  // The parameters were overwritten from outside: pending gradients are dropped, masters follow.
  void parameters_changed();

 private:
  at::Device device() const { return role_->weights->embed_VH.device(); }
  // Runs `pass`, which ends in a backward, so that gradients are added all or, when it throws, not at all.
  template <class F>
  void accumulate(F&& pass);

  std::shared_ptr<Role> role_;
  ExactForwards exact_;
  Gradients gradients_;
  std::optional<AdamW> optimizer_;
  std::exception_ptr refused_;  // why the last spec was not taken
};

}  // namespace mira
