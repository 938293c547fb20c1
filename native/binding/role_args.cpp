// See role_args.h. Lengths and ranges are the core's to check, on the engine thread.
#include "native/binding/role_args.h"
#include "native/binding/args.h"

namespace mira::binding {

PackedBatch batch_argument(Napi::Value value) {
  const Napi::Object batch = object_argument(value, "batch");
  return {int32_argument(field(batch, "ids"), "batch.ids"), int32_argument(field(batch, "offsets"), "batch.offsets"),
          int32_argument(field(batch, "scored"), "batch.scored")};
}

Objective objective_argument(Napi::Value value) {
  const Napi::Object o = object_argument(value, "objective");
  const std::string kind = string_argument(field(o, "kind"), "objective.kind");
  const auto vector = [&](const char* key) { return float32_argument(field(o, key), std::string("objective.") + key); };
  const auto number = [&](const char* key) { return number_argument(field(o, key), std::string("objective.") + key); };
  if (kind == "nll") return NllObjective{vector("weights"), number("normaliser")};
  if (kind == "weighted") return WeightedObjective{vector("weights"), number("normaliser")};
  if (kind == "gradient") return GradientObjective{vector("gradient")};
  if (kind == "regression")
    return RegressionObjective{number("beta"), vector("advantages"), vector("reference"), vector("weights"),
                               number("normaliser"),
                               bool_argument(field(o, "lengthNormalised"), "objective.lengthNormalised")};
  throw_type_error(value.Env(), "objective.kind", "'nll', 'regression', 'weighted' or 'gradient'", field(o, "kind"));
}

CriticTargets critic_argument(Napi::Value value) {
  const Napi::Object spec = object_argument(value, "spec");
  CriticTargets targets{float32_argument(field(spec, "targets"), "spec.targets"),
                        float32_argument(field(spec, "weights"), "spec.weights"), {},
                        number_argument(field(spec, "normaliser"), "spec.normaliser")};
  for (const std::string& loss : strings_argument(field(spec, "losses"), "spec.losses")) {
    if (loss != "bce" && loss != "mse") throw_type_error(value.Env(), "spec.losses", "'bce' or 'mse'", Napi::String::New(value.Env(), loss));
    targets.losses.push_back(loss == "bce" ? CriticLoss::bce : CriticLoss::mse);
  }
  return targets;
}

AdamWSpec adamw_argument(Napi::Value value) {
  const Napi::Object spec = object_argument(value, "spec");
  return {number_argument(field(spec, "beta1"), "spec.beta1"), number_argument(field(spec, "beta2"), "spec.beta2"),
          number_argument(field(spec, "eps"), "spec.eps"), number_argument(field(spec, "weightDecay"), "spec.weightDecay")};
}

}  // namespace mira::binding
