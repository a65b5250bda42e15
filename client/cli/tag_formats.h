// Tagged texts in the formats of `fintag tag --format`. Each is written text by text, in constant memory.
#pragma once

#include <fintag/v1/tagging.pb.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "client/cli/terminal.h"

namespace fintag::client {

struct TextToShow {
  int64_t line = 0;  // of the file, from 1; 0 for a text of the command line
  std::string text;
  std::string model_version;
};

class TagFormat {
 public:
  virtual ~TagFormat() = default;
  virtual void Add(const TextToShow& text, const fintag::v1::TaggedText& tagged) = 0;
  // A text that could not be tagged. False: the format has no place for errors.
  virtual bool AddFailure(const TextToShow& text, const absl::Status& status) = 0;
  // The end of the document; call it whatever happened.
  virtual void Finish() = 0;
};

// One array: {"text", "entities", ...} a text, {"line", "error"} where one failed.
std::unique_ptr<TagFormat> MakeJsonFormat(std::ostream& out, const std::string& server);
// Word, tab, tag; an empty line behind each text. Needs TagOptions.include_words.
std::unique_ptr<TagFormat> MakeConllFormat(std::ostream& out);
// Each text, highlighted where there are colours, and a table of its entities (or words).
std::unique_ptr<TagFormat> MakeTableFormat(const Terminal& out, bool words);
std::unique_ptr<TagFormat> MakeHtmlFormat(std::ostream& out, const std::string& title);

}  // namespace fintag::client
