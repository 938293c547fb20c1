// Chunked linear log-probability and its backward pass; see logprob.h.
#include "native/core/logprob.h"
#include <torch/csrc/autograd/custom_function.h>
#include <algorithm>
#include <stdexcept>
#include "native/core/cancelled.h"
#include "native/kernels/logprob_rows.h"

namespace mira {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

struct LinearLogprob : Function<LinearLogprob> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& hidden_NH, const at::Tensor& embed_VH,
                            const at::Tensor& targets_N, const at::Tensor* entropy_N, LogprobOptions options) {
    const int64_t N = hidden_NH.size(0);
    const at::Tensor h = hidden_NH.to(at::kFloat), table = embed_VH.to(at::kFloat);
    at::Tensor logprob_N = at::empty({N}, h.options()), probs;
    for (int64_t from = 0; from < N; from += options.chunk) {
      poll(options.cancelled);
      const int64_t rows = std::min(options.chunk, N - from);
      probs = at::mm(h.narrow(0, from, rows), table.t());
      kernels::softmax_logprob_(probs, targets_N.narrow(0, from, rows), options.temperature,
                                logprob_N.narrow(0, from, rows),
                                entropy_N->defined() ? entropy_N->narrow(0, from, rows) : at::Tensor());
    }
    const bool keep = N <= options.chunk && (hidden_NH.requires_grad() || embed_VH.requires_grad());
    ctx->save_for_backward({hidden_NH, embed_VH, targets_N, keep ? probs : at::Tensor()});
    ctx->saved_data["temperature"] = options.temperature;
    ctx->saved_data["chunk"] = options.chunk;
    return logprob_N;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor h = saved[0].to(at::kFloat), table = saved[1].to(at::kFloat), grad_N = grads[0].contiguous();
    const double temperature = ctx->saved_data["temperature"].toDouble();
    const int64_t N = h.size(0), chunk = ctx->saved_data["chunk"].toInt();
    const bool to_hidden = ctx->needs_input_grad(0), to_table = ctx->needs_input_grad(1);
    at::Tensor dh = to_hidden ? at::empty_like(h) : at::Tensor();
    at::Tensor dtable;
    for (int64_t from = 0; from < N; from += chunk) {
      const int64_t rows = std::min(chunk, N - from);
      const at::Tensor h_chunk = h.narrow(0, from, rows), targets = saved[2].narrow(0, from, rows);
      const bool kept = saved[3].defined();
      at::Tensor d = kept ? saved[3].clone() : at::mm(h_chunk, table.t());
      if (!kept)
        kernels::softmax_logprob_(d, targets, temperature, at::empty({rows}, h.options()), {});
      kernels::logprob_backward_(d, targets, temperature, grad_N.narrow(0, from, rows));
      if (to_hidden) {
        at::Tensor dh_chunk = dh.narrow(0, from, rows);
        at::mm_out(dh_chunk, d, table);
      }
      if (to_table) {
        if (dtable.defined()) dtable.addmm_(d.t(), h_chunk);
        else dtable = at::mm(d.t(), h_chunk);
      }
    }
    if (to_table && !dtable.defined()) dtable = at::zeros_like(table);
    return {to_hidden ? dh.to(saved[0].scalar_type()) : at::Tensor(),
            to_table ? dtable.to(saved[1].scalar_type()) : at::Tensor(), {}, {}, {}};
  }
};

}  // namespace

at::Tensor scored_hidden(const at::Tensor& hidden_TH, const PackedBatch& batch) {
  return hidden_TH.index_select(0, batch.scored_N.sub(1));
}

at::Tensor scored_targets(const PackedBatch& batch) { return batch.ids_T.index_select(0, batch.scored_N); }

Logprobs linear_logprob(const at::Tensor& hidden_NH, const at::Tensor& embed_VH, const at::Tensor& targets_N,
                        const LogprobOptions& options) {
  if (options.chunk < 1) throw std::invalid_argument("options.chunk: expected a positive integer, got " + std::to_string(options.chunk) + ".");
  if (!(options.temperature > 0))
    throw std::invalid_argument("options.temperature: expected a positive number, got " + std::to_string(options.temperature) + ".");
  Logprobs out;
  if (options.entropy) out.entropy_N = at::empty({hidden_NH.size(0)}, at::kFloat);
  out.logprob_N = LinearLogprob::apply(hidden_NH.contiguous(), embed_VH, targets_N,
                                       static_cast<const at::Tensor*>(&out.entropy_N), options);
  return out;
}

}  // namespace mira
