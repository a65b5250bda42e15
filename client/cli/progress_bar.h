// The text of a progress bar: "epoch 2/5 ━━━━━━━━━━──────── 52 %  4,120 tokens/s  loss 0.1234  0:42 left".
#pragma once

#include <string>
#include <vector>

#include "client/cli/terminal.h"

namespace fintag::client {

struct ProgressBar {
  std::string label;
  double fraction = 0;               // 0 to 1
  std::vector<std::string> figures;  // behind the percentage, the most important first

  // One line of fewer than terminal.width() columns. Where it is narrow the bar gives way first, then the last figures.
  std::string Text(const Terminal& terminal) const;
};

}  // namespace fintag::client
