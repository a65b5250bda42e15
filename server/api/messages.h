// From the registries' and the trainer's structs to the contract's messages.
#pragma once

#include <fintag/v1/dataset.pb.h>
#include <fintag/v1/model.pb.h>
#include <fintag/v1/scores.pb.h>
#include <fintag/v1/training.pb.h>

#include "absl/status/statusor.h"
#include "core/tagging/precision_choice.h"
#include "core/training/event_log.h"
#include "core/training/scores.h"
#include "server/datasets/dataset_registry.h"
#include "server/jobs/job.h"
#include "server/models/model_registry.h"

namespace fintag::server {

google::protobuf::Timestamp ToMessage(int64_t unix_milliseconds);
fintag::v1::EntityScores ToMessage(const EntityScores& scores);
fintag::v1::Scores ToMessage(const Scores& scores);
fintag::v1::Dataset ToMessage(const Dataset& dataset);
fintag::v1::ModelVersion ToMessage(const ModelVersion& version);
fintag::v1::PrecisionChoice ToMessage(const PrecisionChoice& choice);
fintag::v1::JobState ToMessage(JobState state);
fintag::v1::TrainingOptions ToMessage(const TrainingOptions& options);
fintag::v1::Job ToMessage(const Job& job);  // without what the event log knows
fintag::v1::Progress ToMessage(const TrainingProgress& progress);
fintag::v1::EpochFinished ToMessage(const EpochResult& epoch);
fintag::v1::JobEvent ToMessage(const Event& event);

// Only what is set is taken; the rest keeps its default. Ranges are CheckTrainingOptions' matter.
TrainingOptions FromMessage(const fintag::v1::TrainingOptions& message);

}  // namespace fintag::server
