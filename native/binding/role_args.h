// The plain objects a role's verbs take, copied into the core's structures.
#pragma once
#include <napi.h>
#include "native/core/trainer.h"

namespace mira::binding {

PackedBatch batch_argument(Napi::Value value);            // {ids, offsets, scored, groups?}
Objective objective_argument(Napi::Value value);          // Objective of lib/native/types.ts
CriticTargets critic_argument(Napi::Value value);         // CriticStepSpec
AdamWSpec adamw_argument(Napi::Value value);              // AdamWSpec
Checkpoint checkpoint_argument(Napi::Value value);        // 'none', 'full' or 'selective'
Exact exact_argument(Napi::Value value);                  // missing, a boolean, 'packed' or 'slots'

}  // namespace mira::binding
