#include "client/line_batches.h"

#include "absl/strings/str_cat.h"
#include "client/utf8.h"

namespace fintag::client {
namespace {

BatchLine Check(LineSource::Line line, int64_t number) {
  BatchLine checked;
  checked.number = number;
  if (line.too_long) {
    checked.sent = false;
    checked.problem =
        absl::InvalidArgumentError(absl::StrCat("the line is longer than ", line.text.size(), " bytes: split it"));
  } else if (const std::optional<size_t> byte = FindInvalidUtf8(line.text); byte.has_value()) {
    checked.sent = false;
    checked.problem = absl::InvalidArgumentError(absl::StrCat("the line is not UTF-8 at byte ", *byte));
  } else if (line.text.find_first_not_of(" \t\r\f\v") == std::string::npos) {
    checked.sent = false;
  }
  checked.text = std::move(line.text);
  return checked;
}

}  // namespace

absl::StatusOr<bool> LineBatches::Next(Batch& batch) {
  batch = Batch();
  const auto add = [&](BatchLine line) {
    batch.bytes += static_cast<int64_t>(line.text.size());
    batch.lines.push_back(std::move(line));
  };
  if (held_back_.has_value()) {
    add(*std::move(held_back_));
    held_back_.reset();
  }
  while (static_cast<int32_t>(batch.lines.size()) < options_.batch_lines && batch.bytes < options_.batch_bytes) {
    if (!batch.lines.empty() && lines_.MustWait()) break;
    LineSource::Line line;
    absl::StatusOr<bool> more = lines_.Next(line);
    if (!more.ok()) return more.status();
    if (!*more) break;
    BatchLine checked = Check(std::move(line), ++number_);
    if (!batch.lines.empty() && batch.bytes + static_cast<int64_t>(checked.text.size()) > options_.batch_bytes) {
      held_back_ = std::move(checked);
      break;
    }
    add(std::move(checked));
  }
  return !batch.lines.empty();
}

}  // namespace fintag::client
