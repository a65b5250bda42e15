// fintag.json in a trained model's folder: where the weights come from (CHECKPOINT.md of core/model lists the folder's
// files). It holds nothing that differs between two equal runs, such as times.
#pragma once

#include <filesystem>
#include <string>

#include "core/training/trainer.h"

namespace fintag {

struct TrainingRecord {
  std::string base_sha256;  // as in TrainingInput
  std::string train_sha256;
  std::string validation_sha256;  // empty where the validation part was split off
  TrainingOptions options;
  TrainingStart start;
  TrainingResult result;  // so far
};

// The file's text. Fields: format (1), version, base, dataset, options, seed, device, threads, parameters, tags,
// notes, baseline (scores of the word lookup), epochs (loss, scores, unseen), best_epoch, kept_epoch,
// precision_f1 (as in TrainingResult), cancelled.
std::string TrainingRecordJson(const TrainingRecord& record);

// What makes two runs the same: equal where base, corpora and options are, but for device and threads. `train_tokens`
// is an epoch's.
std::string RunIdentity(const TrainingRecord& record, int64_t train_tokens);

}  // namespace fintag
