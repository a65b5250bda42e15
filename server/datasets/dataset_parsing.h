// From an uploaded file to what a dataset says about it.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/text/corpus.h"
#include "server/datasets/dataset_registry.h"

namespace fintag::server {

struct ParsedPart {
  DatasetPart description;
  Corpus corpus;
};

// Reads the file of part `field` ("train"). INVALID_ARGUMENT adds its wrong lines to `errors` as "train:12".
absl::StatusOr<ParsedPart> ParsePart(std::string_view field, const ReceivedFile& file,
                                     std::vector<DatasetLineError>& errors);

}  // namespace fintag::server
