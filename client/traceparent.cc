#include "client/traceparent.h"

#include "client/request_id.h"

namespace fintag::client {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

}  // namespace

std::string NewTraceparent() { return "00-" + NewRequestId() + "-" + NewRequestId().substr(0, 16) + "-00"; }

bool IsTraceparent(std::string_view text) {
  constexpr std::string_view kForm = "00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
  if (text.size() != kForm.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool fits =
        kForm[i] == 'x' ? std::string_view(kDigits).find(text[i]) != std::string_view::npos : text[i] == kForm[i];
    if (!fits) return false;
  }
  return text.substr(3, 32).find_first_not_of('0') != std::string_view::npos &&
         text.substr(36, 16).find_first_not_of('0') != std::string_view::npos;
}

std::string TraceIdOf(std::string_view traceparent) { return std::string(traceparent.substr(3, 32)); }

}  // namespace fintag::client
