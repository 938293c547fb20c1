// Exact mode: training scores tokens with the sampler's own arithmetic, so that the log-probability of a sampled
// token is the sampler's bit for bit. A pass runs twice: once through the generator's layers, which are a
// function of each sequence alone (the trace), and layer by layer through the ordinary differentiable code in
// backward, at the traced inputs. What it costs and what else can vary: docs/exact.md.
#pragma once
#include <ATen/ATen.h>
#include <atomic>
#include <memory>
#include <vector>
#include "native/core/batch.h"
#include "native/core/role.h"

namespace mira {

// Whose arithmetic a pass uses. automatic: that of the decoder which a generator of the role has unless told otherwise.
enum class Exact { off, automatic, packed, slots };

// What the sampler's layers computed of a packed batch, in the weights' dtype.
struct Trace {
  std::vector<at::Tensor> residual_TH;  // [layers + 1]: in front of each layer, and after the last; may be empty
  at::Tensor hidden_TH;                 // after the final norm
};

// The sampler's arithmetic over whole sequences. One per role; engine thread only. Follows the role's weights.
class ExactForward {
 public:
  virtual ~ExactForward() = default;
  virtual Trace trace(const PackedBatch&, bool keep_residuals, const std::atomic<bool>* cancelled) = 0;
  // Overwrites float32 logits [n,V] with those of final-norm states [n,H].
  virtual void logits(const at::Tensor& hidden_nH, at::Tensor& logits_nV) = 0;
};

// The packed decoder's arithmetic; weights on the CPU.
std::unique_ptr<ExactForward> make_packed_forward(std::shared_ptr<const Role>);
// The slot decoder's arithmetic in its exact mode.
std::unique_ptr<ExactForward> make_slot_forward(std::shared_ptr<const Role>);

// The exact forwards of one role, made when first asked for.
class ExactForwards {
 public:
  explicit ExactForwards(std::shared_ptr<const Role> role) : role_(std::move(role)) {}
  // Null for Exact::off. Throws std::invalid_argument when the role cannot run that arithmetic.
  ExactForward* get(Exact);

 private:
  std::shared_ptr<const Role> role_;
  std::unique_ptr<ExactForward> packed_, slots_;
};

// Final-norm hidden states [T,H] whose values are the trace's (which keeps its residuals) and whose gradients are
// those of the ordinary layers at the traced inputs.
at::Tensor exact_hidden(const Role&, const PackedBatch&, const Trace&);

}  // namespace mira
