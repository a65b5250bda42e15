// Options, scores and progress as JSON objects, alike in job.json, events.log, progress.json and fintag.json.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/training/scores.h"
#include "core/training/trainer.h"
#include "core/training/training_options.h"

namespace fintag {

nlohmann::json ToJson(const TrainingOptions& options);

// Absent fields keep their defaults. INVALID_ARGUMENT names the field: unknown, of the wrong type, or out of range.
absl::StatusOr<TrainingOptions> TrainingOptionsFromJson(const nlohmann::json& json);

nlohmann::json ToJson(const EntityScores& scores);
nlohmann::json ToJson(const Scores& scores);
nlohmann::json ToJson(const EpochResult& epoch);
nlohmann::json ToJson(const TrainingProgress& progress);

// Throw nlohmann::json::exception where a field is missing or of another type.
EntityScores EntityScoresFromJson(const nlohmann::json& json);
Scores ScoresFromJson(const nlohmann::json& json);
EpochResult EpochResultFromJson(const nlohmann::json& json);
TrainingProgress TrainingProgressFromJson(const nlohmann::json& json);

// Reads a whole number. Throws nlohmann::json::exception where it is none: get_to would cast a fraction, and casting
// 1e300 is undefined.
template <typename Integer>
void ReadInteger(const nlohmann::json& json, Integer& field) {
  field = static_cast<Integer>(json.get_ref<const nlohmann::json::number_integer_t&>());
}

// JSON has no NaN and no infinity: both are written as null, which is read as NaN.
double NumberFromJson(const nlohmann::json& json);

// One line; bytes that are not UTF-8 (a file name may have them) become U+FFFD.
std::string Dump(const nlohmann::json& json, int indent = -1);

}  // namespace fintag
