// From an uploaded file to what a dataset says about it.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/text/corpus_file.h"
#include "server/datasets/dataset_registry.h"

namespace fintag::server {

// Checks the file of part `field` ("train"). INVALID_ARGUMENT adds its wrong lines to `errors` as "train:12".
absl::StatusOr<CorpusFile> CheckPart(std::string_view field, const ReceivedFile& file,
                                     std::vector<DatasetLineError>& errors);

// Writes the JSON lines of a checked file to `parsed` and describes it, a sentence at a time; `see` is shown each.
absl::StatusOr<DatasetPart> ParsePart(const ReceivedFile& file, const CorpusFile& corpus,
                                      const std::filesystem::path& parsed,
                                      absl::FunctionRef<void(const Sentence& sentence)> see);

}  // namespace fintag::server
