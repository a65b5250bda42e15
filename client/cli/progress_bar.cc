#include "client/cli/progress_bar.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "client/cli/display_width.h"

namespace fintag::client {
namespace {

constexpr int kWidestBar = 40;
constexpr int kNarrowestBar = 8;

std::string Times(const char* piece, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += piece;
  return text;
}

}  // namespace

std::string ProgressBar::Text(const Terminal& terminal) const {
  const double part = std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0.0;
  const std::string percent = absl::StrFormat(" %3d %%", static_cast<int>(part * 100));
  // The last column stays free: some terminals wrap on it.
  const int room = terminal.width() - 1;
  const std::string head = label.empty() ? "" : label + " ";
  int left = room - DisplayWidth(head) - DisplayWidth(percent);
  if (left < 0) return Shorten(label, std::max(room, 1));

  std::string tail;
  for (const std::string& figure : figures) {
    const int width = DisplayWidth(figure) + 2;
    if (width > left) break;
    tail += "  " + figure;
    left -= width;
  }
  const int bar = left < kNarrowestBar ? 0 : std::min(left, kWidestBar);
  const int filled = static_cast<int>(std::lround(part * bar));
  const char* full = terminal.unicode() ? "\xE2\x94\x81" : "#";   // heavy line
  const char* empty = terminal.unicode() ? "\xE2\x94\x80" : "-";  // light line
  return head + terminal.Paint(Style::kGreen, Times(full, filled)) +
         terminal.Paint(Style::kDim, Times(empty, bar - filled)) + percent + tail;
}

}  // namespace fintag::client
