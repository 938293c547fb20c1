// Chunked linear log-probability and its backward pass; see logprob.h.
#include "native/core/logprob.h"
#include <torch/csrc/autograd/custom_function.h>
#include <algorithm>
#include <stdexcept>
#include "native/core/cancelled.h"
#include "native/core/lm_head.h"
#include "native/kernels/logprob_rows.h"

namespace mira {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr int64_t kVocabularyChunk = 8192;  // embedding rows handled at a time where a whole copy would be needed

void logits_of(const at::Tensor& h_CH, const at::Tensor& embed_VH, const LogitsFunction& own, at::Tensor& logits_CV) {
  if (own) {
    logits_CV = at::empty({h_CH.size(0), embed_VH.size(0)}, h_CH.options().dtype(at::kFloat));
    own(h_CH, logits_CV);
  } else {
    logits_CV = lm_head(h_CH, embed_VH);
  }
}

// dL/dhidden = d E and dL/dE = d^T hidden (+ what it held) for one chunk of rows, d [C,V] = dL/dlogits. Sums stay in
// float32; no float32 copy of E is made. Undefined results are not wanted.
void product_backward(const at::Tensor& d_CV, const at::Tensor& h_CH, const at::Tensor& embed_VH, at::Tensor dh_CH,
                      at::Tensor dembed_VH, bool add) {
  const double beta = add ? 1 : 0;
  if (embed_VH.scalar_type() == at::kFloat) {
    if (dh_CH.defined()) at::mm_out(dh_CH, d_CV, embed_VH);
    if (dembed_VH.defined()) dembed_VH.addmm_(d_CV.t(), h_CH, beta);
    return;
  }
  // On CUDA the products read d rounded to the weights' dtype, at full speed; on the CPU they run in float32.
  const bool cuda = embed_VH.is_cuda();
  const at::Tensor d = cuda ? d_CV.to(embed_VH.scalar_type()) : d_CV, h = cuda ? h_CH : h_CH.to(at::kFloat);
  if (cuda && dh_CH.defined()) dh_CH.copy_(at::mm(d, embed_VH, at::kFloat));
  if (!cuda && dh_CH.defined()) dh_CH.zero_();
  for (int64_t from = 0; from < embed_VH.size(0); from += kVocabularyChunk) {
    const int64_t rows = std::min(kVocabularyChunk, embed_VH.size(0) - from);
    const at::Tensor part = d.narrow(1, from, rows);
    if (!cuda && dh_CH.defined()) dh_CH.addmm_(part, embed_VH.narrow(0, from, rows).to(at::kFloat));
    if (!dembed_VH.defined()) continue;
    at::Tensor sum = dembed_VH.narrow(0, from, rows);
    if (!cuda) sum.addmm_(part.t(), h, beta);
    else if (add) sum.add_(at::mm(part.t(), h, at::kFloat));
    else sum.copy_(at::mm(part.t(), h, at::kFloat));
  }
}

struct LinearLogprob : Function<LinearLogprob> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& hidden_NH, const at::Tensor& embed_VH,
                            const at::Tensor& targets_N, const at::Tensor* entropy_N, LogprobOptions options,
                            const LogitsFunction* logits) {
    const int64_t N = hidden_NH.size(0);
    const auto wide = hidden_NH.options().dtype(at::kFloat);
    at::Tensor logprob_N = at::empty({N}, wide), stats_N2 = at::empty({N, 2}, wide), probs;
    // Not on CUDA: a second chunk of float32 logits there costs more than the product that would be saved.
    const bool differentiated = hidden_NH.requires_grad() || embed_VH.requires_grad();
    const bool keep = hidden_NH.is_cpu() && N <= options.chunk && differentiated;
    for (int64_t from = 0; from < N; from += options.chunk) {
      poll(options.cancelled);
      const int64_t rows = std::min(options.chunk, N - from);
      probs.reset();  // one chunk at a time, not two
      logits_of(hidden_NH.narrow(0, from, rows), embed_VH, *logits, probs);
      const at::Tensor targets = targets_N.narrow(0, from, rows), found = logprob_N.narrow(0, from, rows);
      const at::Tensor entropy = entropy_N->defined() ? entropy_N->narrow(0, from, rows) : at::Tensor();
      if (keep) kernels::softmax_logprob_(probs, targets, options.temperature, found, entropy);
      else kernels::logprob_rows(probs, targets, options.temperature, found, entropy, stats_N2.narrow(0, from, rows));
    }
    ctx->save_for_backward({hidden_NH, embed_VH, targets_N, keep ? probs : at::Tensor(), stats_N2});
    ctx->saved_data["temperature"] = options.temperature;
    ctx->saved_data["chunk"] = options.chunk;
    return logprob_N;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &h = saved[0], &embed = saved[1], grad_N = grads[0].contiguous();
    const double temperature = ctx->saved_data["temperature"].toDouble();
    const int64_t N = h.size(0), chunk = ctx->saved_data["chunk"].toInt();
    const auto wide = h.options().dtype(at::kFloat);
    at::Tensor dh = ctx->needs_input_grad(0) ? at::empty(h.sizes(), wide) : at::Tensor();
    at::Tensor dembed = ctx->needs_input_grad(1) ? at::empty(embed.sizes(), wide) : at::Tensor();
    if (dembed.defined() && N == 0) dembed.zero_();
    for (int64_t from = 0; from < N; from += chunk) {
      const int64_t rows = std::min(chunk, N - from);
      const at::Tensor h_chunk = h.narrow(0, from, rows), targets = saved[2].narrow(0, from, rows);
      at::Tensor d;
      if (saved[3].defined()) {
        d = saved[3].clone();
        kernels::logprob_backward_(d, targets, temperature, grad_N.narrow(0, from, rows));
      } else {
        at::Tensor logits = lm_head(h_chunk, embed);
        const at::ScalarType dtype = embed.is_cuda() ? embed.scalar_type() : at::kFloat;
        d = kernels::logprob_gradient_(logits, targets, temperature, saved[4].narrow(0, from, rows),
                                       grad_N.narrow(0, from, rows), dtype);
      }
      product_backward(d, h_chunk, embed.detach(), dh.defined() ? dh.narrow(0, from, rows) : dh, dembed, from > 0);
    }
    if (dh.defined()) dh = dh.to(h.scalar_type());
    if (dembed.defined()) dembed = dembed.to(embed.scalar_type());
    return {dh, dembed, {}, {}, {}, {}};
  }
};

}  // namespace

at::Tensor scored_hidden(const at::Tensor& hidden_TH, const PackedBatch& batch) {
  return hidden_TH.index_select(0, batch.scored_N.sub(1));
}

at::Tensor scored_targets(const PackedBatch& batch) { return batch.ids_T.index_select(0, batch.scored_N); }

Logprobs linear_logprob(const at::Tensor& hidden_NH, const at::Tensor& embed_VH, const at::Tensor& targets_N,
                        const LogprobOptions& options, const LogitsFunction& logits) {
  if (options.chunk < 1)
    throw std::invalid_argument("options.chunk: expected a positive integer, got " + std::to_string(options.chunk) + ".");
  if (!(options.temperature > 0))
    throw std::invalid_argument("options.temperature: expected a positive number, got " +
                                std::to_string(options.temperature) + ".");
  Logprobs out;
  if (options.entropy) out.entropy_N = at::empty({hidden_NH.size(0)}, hidden_NH.options().dtype(at::kFloat));
  out.logprob_N = LinearLogprob::apply(hidden_NH.contiguous(), embed_VH, targets_N,
                                       static_cast<const at::Tensor*>(&out.entropy_N), options, &logits);
  return out;
}

}  // namespace mira
