// Precision "auto": what a model version tags in on this machine, decided once by each release of Fintag, whose kernels
// may differ, and kept beside its weights in precision.json. No LibTorch here: the server includes this header.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace fintag {

struct PrecisionFigures {
  std::string precision;         // as TaggerOptions names it
  double f1 = 0;                 // micro, on the version's own validation part
  double tokens_per_second = 0;  // of packed forward passes on `machine`
};

struct PrecisionChoice {
  std::string machine;                    // "AMD EPYC 7763, 2 threads", "cuda:0 (NVIDIA H200)"
  std::string precision;                  // the fastest that loses at most kLargestF1Loss
  std::vector<PrecisionFigures> figures;  // float32 first
};

constexpr double kLargestF1Loss = 0.002;

// What precisions scored, by ScoreName (core/model/precision.h), as fintag.json says: those that the trainer's device
// computes fast. Empty where the version was not trained here.
std::vector<PrecisionFigures> ScoredPrecisions(const std::filesystem::path& folder);

// The fastest of `figures` (not empty, float32 first) whose F1 is high enough.
std::string FastestPrecision(const std::vector<PrecisionFigures>& figures);

// The choice that `folder` has for `machine`. Nothing where this release made none, or the file is damaged.
std::optional<PrecisionChoice> ReadPrecisionChoice(const std::filesystem::path& folder, const std::string& machine);

// Adds `choice` to the folder's, in the place of an earlier one for its machine. A folder that cannot be written to is
// left as it is: the next load chooses again.
void WritePrecisionChoice(const std::filesystem::path& folder, const PrecisionChoice& choice);

// The file's name, for who copies checkpoints: it means nothing on other machines.
constexpr char kPrecisionFile[] = "precision.json";

}  // namespace fintag
