// One page, with nothing to load, that shows texts with their entities. Written in pieces, in constant memory.
#pragma once

#include <fintag/v1/tagging.pb.h>

#include <map>
#include <ostream>
#include <string>
#include <string_view>

namespace fintag::client {

// For text between tags and for quoted attributes. Control characters, which HTML forbids, become U+FFFD.
std::string EscapeHtml(std::string_view text);

class HtmlPage {
 public:
  HtmlPage(std::ostream& out, const std::string& title);  // writes the page's head

  void AddText(const std::string& text, const fintag::v1::TaggedText& tagged);
  // The legend and the end.
  void Finish();

 private:
  struct Label {
    size_t colour;
    int64_t count = 0;
  };
  Label& LabelOf(const std::string& label);

  std::ostream& out_;
  std::map<std::string, Label> labels_;
  int64_t texts_ = 0;
};

}  // namespace fintag::client
