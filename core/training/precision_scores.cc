#include "core/training/precision_scores.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "core/model/checkpoint_folder.h"
#include "core/model/dense.h"
#include "core/model/token_classifier.h"
#include "core/training/evaluation.h"

namespace fintag {

absl::StatusOr<std::map<std::string, double>> ScorePrecisions(const std::filesystem::path& checkpoint,
                                                              at::Device device, const TrainingData& data,
                                                              const TrainingResult& result,
                                                              const std::atomic<bool>& stop) {
  std::map<std::string, double> scores;
  const auto kept_epoch = std::find_if(result.epochs.begin(), result.epochs.end(),
                                       [&](const EpochResult& epoch) { return epoch.epoch == result.kept_epoch; });
  const std::vector<Precision> precisions = FastPrecisions(device);
  if (kept_epoch == result.epochs.end() || precisions.size() < 2) return scores;
  const absl::StatusOr<Checkpoint> kept = ReadCheckpoint(checkpoint);
  if (!kept.ok()) return kept.status();
  for (const Precision precision : precisions) {
    double& f1 = scores[std::string(ScoreName(precision))];
    f1 = kept_epoch->scores.micro.f1;
    if (precision == Precision::kFloat32) continue;
    absl::StatusOr<std::unique_ptr<TokenClassifier>> model = TokenClassifier::Create(*kept, {}, /*seed=*/0, device);
    if (!model.ok()) return model.status();
    if (absl::Status converted = (*model)->Convert(precision); !converted.ok()) return converted;
    const absl::StatusOr<Evaluation> evaluation = Evaluate(**model, data.validation(), stop);
    if (!evaluation.ok()) return evaluation.status();
    f1 = data.Score(evaluation->predicted).micro.f1;
  }
  return scores;
}

}  // namespace fintag
