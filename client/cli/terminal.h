// What an output stream can show: colours, redrawing, how wide.
#pragma once

#include <ostream>
#include <string>
#include <string_view>

namespace fintag::client {

enum class Style { kPlain, kBold, kDim, kRed, kGreen, kYellow, kBlue, kMagenta, kCyan };

enum class ColorChoice { kAuto, kAlways, kNever };

class Terminal {
 public:
  struct Options {
    bool interactive = false;  // lines may be redrawn
    bool color = false;
    bool unicode = true;  // else ASCII only
    int width = 0;        // columns; 0: as the terminal says, 80 where it does not
    int descriptor = -1;  // asked for the width
  };
  Terminal(std::ostream& out, const Options& options) : out_(out), options_(options) {}

  // The standard output (1) or error (2) as it is: a terminal or not, TERM, NO_COLOR and the locale honoured.
  static Terminal ForDescriptor(int descriptor, std::ostream& out, ColorChoice color);

  std::ostream& out() const { return out_; }
  bool interactive() const { return options_.interactive; }
  bool color() const { return options_.color; }
  bool unicode() const { return options_.unicode; }
  // Now: a window can be resized.
  int width() const;

  // `text` in the style, where there are colours.
  std::string Paint(Style style, std::string_view text) const;
  // The styles that stand for entity labels, in turn.
  static Style LabelStyle(size_t index);
  // `text` as a highlighted entity: reversed colours of `style`.
  std::string Highlight(Style style, std::string_view text) const;

 private:
  std::ostream& out_;
  const Options options_;
};

// A line that is drawn again in place on an interactive terminal, and not at all elsewhere.
class LiveLine {
 public:
  explicit LiveLine(const Terminal& terminal) : terminal_(terminal) {}
  ~LiveLine() { Clear(); }
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;

  // `line` must fit the terminal's width.
  void Draw(const std::string& line);
  void Clear();

 private:
  const Terminal& terminal_;
  bool drawn_ = false;
};

}  // namespace fintag::client
