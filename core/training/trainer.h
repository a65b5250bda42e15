// The fine-tuning loop: epochs of packed batches, an evaluation after each, a checkpoint whenever it is the one to
// keep. Runs in fintag-train; knows nothing of jobs, servers or event logs.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/text/corpus_file.h"
#include "core/training/scores.h"
#include "core/training/training_options.h"

namespace fintag {

class RankGroup;

struct TrainingStart {
  std::string device;  // "cpu", "cuda:0 (NVIDIA H200)"
  int32_t threads = 0;
  int64_t parameters = 0;
  int64_t train_sentences = 0;
  int64_t train_tokens = 0;  // an epoch, [CLS] and [SEP] included
  int64_t validation_sentences = 0;
  int64_t total_steps = 0;  // optimiser steps over all epochs
  Scores word_lookup;       // the baseline on the validation part
  std::vector<std::string> tags;
  std::vector<std::string> notes;  // of the checkpoint reader; "3 sentences need more than one window"
};

struct TrainingProgress {
  int32_t epoch = 0;  // from 1
  int64_t step = 0;   // optimiser steps done, over all epochs
  int64_t total_steps = 0;
  double epoch_fraction = 0;  // 0 to 1, of this epoch's tokens
  double loss = 0;            // of the latest step (mean over its words)
  double learning_rate = 0;
  int64_t tokens = 0;            // trained since the start
  double tokens_per_second = 0;  // over the latest report's interval
  double seconds_left = 0;       // of the whole run, estimated
};

struct EpochResult {
  int32_t epoch = 0;      // from 1
  double train_loss = 0;  // mean over the epoch's words
  double validation_loss = 0;
  Scores scores;        // on the validation part
  EntityScores unseen;  // entities whose surface form training never saw
  double train_seconds = 0;
  double validation_seconds = 0;
  double tokens_per_second = 0;  // training alone
  bool best = false;             // highest micro F1 so far; at a tie, lower validation loss
};

struct TrainingResult {
  std::vector<EpochResult> epochs;
  int32_t best_epoch = 0;
  int32_t kept_epoch = 0;  // whose weights are in the checkpoint folder
  // Micro F1 of the kept weights on the validation part, in each precision that the device computes fast, by ScoreName;
  // empty where only float32 is, or the run was cancelled.
  std::map<std::string, double> precision_f1;
  bool cancelled = false;
};

// Told what happens, from the training thread.
class TrainingObserver {
 public:
  virtual ~TrainingObserver() = default;
  virtual void OnStart(const TrainingStart& start) = 0;
  virtual void OnStep(const TrainingProgress& progress) = 0;  // after every optimiser step; cheap please
  // After its checkpoint and state, if any, are on disk. A run that goes on from a state tells of its epochs too.
  virtual void OnEpoch(const EpochResult& result) = 0;
};

struct TrainingInput {
  std::filesystem::path base;  // checkpoint folder to start from
  CorpusFile train;
  CorpusFile validation;             // no path: split off `train` by options.validation_fraction and seed
  std::filesystem::path checkpoint;  // folder to write; beside it, without a name, is the token cache
  // Folder in which the run's state is kept after each epoch, and from which it goes on where one is there
  // (TRAINING_STATE.md); empty: none is kept.
  std::filesystem::path state;
  // Recorded in the checkpoint's fintag.json beside options, scores and version.
  std::string train_sha256;  // of the files as uploaded, hex
  std::string validation_sha256;
  std::string base_sha256;  // of the weights file
};

// Tags are "O" and B-X, I-X of the labels in training (sorted). INVALID_ARGUMENT: options, a corpus without entities,
// a validation label that training lacks is only a note. FAILED_PRECONDITION: device, a corpus file that changed since
// it was checked. RESOURCE_EXHAUSTED: memory, disk. What is resident grows with distinct words and entities, and by
// some twenty bytes a sentence. `stop` is looked at between steps: once true the run ends early with what the last
// epoch wrote, cancelled = true. FAILED_PRECONDITION where the state is of another run, DATA_LOSS where it is damaged.
// The state stays at a good end too: RemoveTrainingState is for who has told of that end.
//
// With `ranks` this process is one of a distributed run (DISTRIBUTED.md): all call this with the same input and
// options, and all have the same steps, scores and weights. Rank 0 alone writes; what the others' observers are told is
// the same but for device and times. Errors are then also those of RankGroup; another rank's become one's own.
absl::StatusOr<TrainingResult> Train(const TrainingInput& input, const TrainingOptions& options,
                                     TrainingObserver& observer, const std::atomic<bool>& stop,
                                     RankGroup* ranks = nullptr);

// Removes the state of a run that has come to its end: a kill leaves it whole, or none to go on from. What cannot be
// removed costs disk, no more.
void RemoveTrainingState(const std::filesystem::path& folder);

}  // namespace fintag
