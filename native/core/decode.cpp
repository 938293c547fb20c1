// Sampling on the host, for decoders whose logits lie there; see decode.h.
#include "native/core/decode.h"
#include <ATen/Parallel.h>
#include <algorithm>

namespace mira {

void HostSampling::operator()(std::span<const DecodeSpan> spans, const float* logits_nV, int64_t vocab,
                              std::span<Draw> draws) {
  std::vector<const DecodeSpan*> rows;
  for (const DecodeSpan& span : spans)
    if (span.sampler) rows.push_back(&span);
  if (samplers_.size() < rows.size()) samplers_.resize(rows.size());
  at::parallel_for(0, static_cast<int64_t>(rows.size()), std::max<int64_t>(1, 65536 / vocab),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t i = begin; i < end; ++i) {
                       const SequenceCache& cache = *rows[i]->cache;
                       try {
                         // The pass has advanced the cache: its length is the new token's position.
                         draws[i] = {samplers_[i](logits_nV + i * vocab, vocab, *rows[i]->sampler,
                                                  static_cast<uint64_t>(cache.length())),
                                     nullptr};
                       } catch (...) {
                         draws[i] = {{}, std::current_exception()};
                       }
                     }
                   });
}

}  // namespace mira
