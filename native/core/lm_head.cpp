// The tied embedding as output layer; see lm_head.h.
#include "native/core/lm_head.h"
#include <algorithm>

namespace mira {
namespace {

constexpr int64_t kVocabularyChunk = 8192;  // rows converted at a time: 126 MB at hidden 3840

}  // namespace

at::Tensor lm_head(const at::Tensor& hidden_nH, const at::Tensor& embed_VH) {
  at::NoGradGuard no_grad;
  const at::Tensor embed = embed_VH.detach(), hidden = hidden_nH.detach();
  if (embed.scalar_type() == at::kFloat) return at::mm(hidden.to(at::kFloat), embed.t());
  // On CUDA the product itself keeps its float32 sums; on the CPU there is no such product.
  if (embed.is_cuda()) return at::mm(hidden.to(embed.scalar_type()), embed.t(), at::kFloat);
  const at::Tensor wide = hidden.to(at::kFloat);
  const int64_t V = embed.size(0);
  at::Tensor logits_nV = at::empty({hidden.size(0), V}, wide.options());
  for (int64_t from = 0; from < V; from += kVocabularyChunk) {
    const int64_t rows = std::min(kVocabularyChunk, V - from);
    logits_nV.narrow(1, from, rows).copy_(at::mm(wide, embed.narrow(0, from, rows).to(at::kFloat).t()));
  }
  return logits_nV;
}

}  // namespace mira
