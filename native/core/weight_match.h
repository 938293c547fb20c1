// Which tensor of which file is which tensor of the model: names and shapes compared before a byte is read.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include "native/core/checkpoint.h"

namespace mira {

struct MatchedTensor {
  std::shared_ptr<SafetensorsFile> file;
  const SafetensorsEntry* entry;  // of that file
};
// `expected`: full names with tensors of the right shapes (on any device, meta too). The rules of load_weights.
std::map<std::string, MatchedTensor> match_tensors(const std::vector<std::pair<std::string, at::Tensor>>& expected,
                                                   const std::vector<std::string>& files, const std::vector<std::string>& ignore);

// Names with `prefix` before each.
std::vector<std::pair<std::string, at::Tensor>> prefixed(const std::vector<std::pair<std::string, at::Tensor>>&, const std::string& prefix);

}  // namespace mira
