// Finds stop strings in the bytes of sampled tokens, also across token boundaries.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mira {

// Bytes of every token id.
struct Vocabulary {
  std::string bytes;
  std::vector<int32_t> offsets;  // [V+1]
  std::string_view of(int32_t id) const {
    return std::string_view(bytes).substr(offsets[id], offsets[id + 1] - offsets[id]);
  }
};

class StopStrings {
 public:
  StopStrings() = default;
  StopStrings(std::vector<std::string> stops, std::shared_ptr<const Vocabulary> vocabulary);
  // Appends a sampled token; true when its bytes complete one of the strings. Only sampled bytes count.
  bool push(int32_t id);

 private:
  std::vector<std::string> stops_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  size_t longest_ = 0;
  std::string tail_;  // the last bytes a match could still begin in
};

}  // namespace mira
