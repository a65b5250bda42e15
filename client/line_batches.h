// From a source of lines to batches for TagStream.
#pragma once

#include "absl/status/statusor.h"
#include "client/batch_window.h"
#include "client/client.h"

namespace fintag::client {

class LineBatches {
 public:
  LineBatches(LineSource& lines, const TagLinesOptions& options) : lines_(lines), options_(options) {}

  // The next lines, as many as the options allow and fewer where the source would have to wait. False at the end.
  absl::StatusOr<bool> Next(Batch& batch);

 private:
  LineSource& lines_;
  const TagLinesOptions options_;
  int64_t number_ = 0;
  std::optional<BatchLine> held_back_;  // read, but too much for the batch before
};

}  // namespace fintag::client
