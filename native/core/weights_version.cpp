// Sum of ATen's version counters over a role's weights and adapters.
#include "native/core/weights_version.h"
#include "native/core/lora.h"

namespace mira {

int64_t weights_version(const Role& role) {
  int64_t version = 0;
  for (const at::Tensor& t : role.weights->parameters()) version += t._version();
  if (!role.lora) return version;
  for (const LoraLayer& layer : role.lora->layers)
    for (const LoraTarget& target : kLoraTargets)
      if (const LoraPair& pair = layer.*target.pair; pair.a_RI.defined())
        version += pair.a_RI._version() + pair.b_OR._version();
  return version;
}

}  // namespace mira
