#include "client/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace fintag::client {
namespace {

constexpr int kUsualWidth = 80;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool IsUtf8Locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string value = Environment(name);
    if (value.empty()) continue;
    return value.find("UTF-8") != std::string::npos || value.find("utf8") != std::string::npos ||
           value.find("UTF8") != std::string::npos || value.find("utf-8") != std::string::npos;
  }
  return false;
}

const char* Code(Style style) {
  switch (style) {
    case Style::kPlain:
      return "0";
    case Style::kBold:
      return "1";
    case Style::kDim:
      return "2";
    case Style::kRed:
      return "31";
    case Style::kGreen:
      return "32";
    case Style::kYellow:
      return "33";
    case Style::kBlue:
      return "34";
    case Style::kMagenta:
      return "35";
    case Style::kCyan:
      return "36";
  }
  return "0";
}

}  // namespace

Terminal Terminal::ForDescriptor(int descriptor, std::ostream& out, ColorChoice color) {
  Options options;
  options.descriptor = descriptor;
  options.interactive = isatty(descriptor) == 1 && Environment("TERM") != "dumb";
  options.color = color == ColorChoice::kAlways ||
                  (color == ColorChoice::kAuto && options.interactive && Environment("NO_COLOR").empty());
  options.unicode = !options.interactive || IsUtf8Locale();
  return Terminal(out, options);
}

int Terminal::width() const {
  if (options_.width > 0) return options_.width;
  winsize size{};
  if (options_.descriptor >= 0 && ioctl(options_.descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col;
  }
  return kUsualWidth;
}

std::string Terminal::Paint(Style style, std::string_view text) const {
  if (!options_.color || style == Style::kPlain || text.empty()) return std::string(text);
  return std::string("\x1b[") + Code(style) + "m" + std::string(text) + "\x1b[0m";
}

Style Terminal::LabelStyle(size_t index) {
  constexpr std::array kStyles = {Style::kCyan,  Style::kYellow, Style::kMagenta,
                                  Style::kGreen, Style::kBlue,   Style::kRed};
  return kStyles[index % kStyles.size()];
}

std::string Terminal::Highlight(Style style, std::string_view text) const {
  if (!options_.color) return std::string(text);
  return std::string("\x1b[7;") + Code(style) + "m" + std::string(text) + "\x1b[0m";
}

void LiveLine::Draw(const std::string& line) {
  if (!terminal_.interactive()) return;
  terminal_.out() << "\r\x1b[K" << line << std::flush;
  drawn_ = true;
}

void LiveLine::Clear() {
  if (!drawn_) return;
  terminal_.out() << "\r\x1b[K" << std::flush;
  drawn_ = false;
}

}  // namespace fintag::client
