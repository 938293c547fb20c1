// What a generator and a request must satisfy; see generator.h.
#include <algorithm>
#include <stdexcept>
#include <string>
#include "native/core/generator.h"

namespace mira {
namespace {

void require(bool ok, const std::string& sentence) {
  if (!ok) throw std::invalid_argument(sentence);
}

}  // namespace

GeneratorOptions checked_options(const Role& role, GeneratorOptions o) {
  const GemmaConfig& c = role.weights->config;
  require(o.slots >= 1, "generator.slots: expected at least 1, got " + std::to_string(o.slots) + ".");
  require(o.max_length >= 2 && o.max_length <= c.max_positions,
          "generator.maxLength: expected 2 to " + std::to_string(c.max_positions) +
              " (the model's maxPositions), got " + std::to_string(o.max_length) + ".");
  require(o.prefill_chunk >= 1,
          "generator.prefillChunk: expected at least 1, got " + std::to_string(o.prefill_chunk) + ".");
  o.prefill_chunk = std::min(o.prefill_chunk, o.max_length);
  if (!o.vocabulary) return o;
  const std::vector<int32_t>& offsets = o.vocabulary->offsets;
  require(static_cast<int64_t>(offsets.size()) == c.vocab + 1 && offsets.front() == 0 &&
              std::is_sorted(offsets.begin(), offsets.end()) &&
              offsets.back() == static_cast<int64_t>(o.vocabulary->bytes.size()),
          "generator.vocabulary.offsets: expected " + std::to_string(c.vocab + 1) +
              " ascending offsets from 0 to the number of bytes.");
  return o;
}

void check_request(const GenerateRequest& r, const GeneratorOptions& o, int64_t vocab) {
  const auto check_ids = [&](const std::vector<int32_t>& ids, const char* field) {
    for (const int32_t id : ids) {
      if (id >= 0 && id < vocab) continue;
      throw std::invalid_argument(std::string(field) + ": expected token ids below " + std::to_string(vocab) + ", got " +
                                  std::to_string(id) + ".");
    }
  };
  require(!r.ids.empty(), "ids: expected at least one prompt token, got none.");
  check_ids(r.ids, "ids");
  check_ids(r.stop_ids, "stopIds");
  require(r.max_new_tokens >= 1,
          "maxNewTokens: expected at least 1, got " + std::to_string(r.max_new_tokens) + ".");
  const auto total = static_cast<int64_t>(r.ids.size()) + r.max_new_tokens;
  require(total <= o.max_length, "ids: expected prompt + maxNewTokens within maxLength " +
                                     std::to_string(o.max_length) + ", got " + std::to_string(r.ids.size()) + " + " +
                                     std::to_string(r.max_new_tokens) +
                                     "; shorten the prompt or make the generator with a larger maxLength.");
  const SamplerSettings& s = r.sampler;
  require(s.temperature >= 0 && s.temperature <= 1e4,
          "temperature: expected 0 (greedy) to 10000, got " + std::to_string(s.temperature) + ".");
  require(s.top_k >= 0, "topK: expected 0 (off) or more, got " + std::to_string(s.top_k) + ".");
  require(s.top_p > 0 && s.top_p <= 1,
          "topP: expected more than 0 and at most 1 (off), got " + std::to_string(s.top_p) + ".");
  require(r.stop_strings.empty() || o.vocabulary,
          "stopStrings: expected a generator made with a vocabulary, got one without; pass `vocabulary`.");
  for (const std::string& stop : r.stop_strings)
    require(!stop.empty(), "stopStrings: expected non-empty strings, got an empty one.");
}

}  // namespace mira
