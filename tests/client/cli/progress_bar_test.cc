#include "client/cli/progress_bar.h"

#include <gtest/gtest.h>

#include <limits>
#include <sstream>

#include "client/cli/display_width.h"

namespace fintag::client {
namespace {

Terminal Wide(std::ostream& out, int width, bool unicode = true) {
  Terminal::Options options;
  options.interactive = true;
  options.width = width;
  options.unicode = unicode;
  return Terminal(out, options);
}

TEST(ProgressBar, FillsItsShare) {
  std::ostringstream out;
  const ProgressBar bar{"epoch 1/2", 0.5, {"0:42 left"}};
  EXPECT_EQ(bar.Text(Wide(out, 42, /*unicode=*/false)), "epoch 1/2 #######-------  50 %  0:42 left");
}

TEST(ProgressBar, NeverFillsTheLine) {
  std::ostringstream out;
  const ProgressBar bar{"epoch 12/100", 0.37, {"1:02:03 left", "12,345 tokens/s", "loss 0.1234"}};
  for (int width = 2; width < 160; ++width) {
    EXPECT_LT(DisplayWidth(bar.Text(Wide(out, width))), width) << width;
  }
}

TEST(ProgressBar, DropsTheLastFiguresFirst) {
  std::ostringstream out;
  const ProgressBar bar{"epoch 1", 0.1, {"0:42 left", "12,345 tokens/s"}};
  const std::string text = bar.Text(Wide(out, 28));
  EXPECT_NE(text.find("0:42 left"), std::string::npos);
  EXPECT_EQ(text.find("tokens/s"), std::string::npos);
}

TEST(ProgressBar, TakesImpossibleFractions) {
  std::ostringstream out;
  const Terminal terminal = Wide(out, 60, false);
  EXPECT_NE((ProgressBar{"x", -1, {}}).Text(terminal).find("   0 %"), std::string::npos);
  EXPECT_NE((ProgressBar{"x", 7, {}}).Text(terminal).find(" 100 %"), std::string::npos);
  EXPECT_NE((ProgressBar{"x", std::numeric_limits<double>::quiet_NaN(), {}}).Text(terminal).find("   0 %"),
            std::string::npos);
}

TEST(LiveLine, DrawsNothingInAPipe) {
  std::ostringstream out;
  const Terminal pipe(out, {});
  {
    LiveLine line(pipe);
    line.Draw("half");
  }
  EXPECT_EQ(out.str(), "");
}

TEST(LiveLine, RedrawsInPlaceAndClears) {
  std::ostringstream out;
  const Terminal terminal = Wide(out, 80);
  {
    LiveLine line(terminal);
    line.Draw("half");
  }
  EXPECT_EQ(out.str(), "\r\x1b[Khalf\r\x1b[K");
}

}  // namespace
}  // namespace fintag::client
