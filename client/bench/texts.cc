#include "client/bench/texts.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "client/utf8.h"

namespace fintag::bench {
namespace {

bool IsBlank(const std::string& text) { return text.find_first_not_of(" \t\r\v\f") == std::string::npos; }

}  // namespace

std::vector<std::string> BuiltInTexts() {
  // In parentheses: a text of several literals is meant.
  return {
      "Harbor Point Bancorp, Inc. reported net income of $41.7 million.",
      ("This Credit Agreement is entered into as of March 14, 2022 among Tallgrass Foods LLC, a Delaware limited "
       "liability company, the lenders named herein, and Granite Harbor Bank, N.A., as administrative agent."),
      "Revenue in the Nordic region rose 6.3% on demand from Norrland Pulp AB and two smaller customers.",
      "Ingeborg Falk was appointed chief financial officer on 1 June, succeeding Pedro Almada.",
      ("The Borrower shall repay the outstanding principal amount of the Term Loan in forty (40) consecutive quarterly "
       "instalments of $1,250,000 each, commencing on the last day of the first full fiscal quarter after the Closing "
       "Date, together with interest accrued at the Adjusted Rate plus 2.75% per annum, at the office of the agent in "
       "Charlotte, North Carolina."),
      "Shares of Crestline Capital Partners fell 4% in Toronto after the regulator opened an inquiry.",
      ("We lease approximately 112,000 square feet of office space in Savannah, Georgia, under an agreement with "
       "Oglethorpe Property Trust that expires in December 2031."),
      "No dividend was declared for the second quarter.",
      ("Pursuant to the Share Purchase Agreement, Tidewater Orchard Holdings Inc. sold its entire interest in Meridian "
       "Cold Storage to a consortium led by Banco Ribera S.A. of Valencia for 310 million euros in cash."),
      "Our auditors, Whitcombe & Lyle LLP, have served since 2009.",
      ("If the Singapore subsidiary fails to maintain a tangible net worth of at least US$25,000,000, Straits "
       "Mercantile Bank may declare all amounts under the revolving facility immediately due and payable."),
      "Quarry Bend Power's plant near Lake Ontario resumed production in April, Chairwoman Dolores Quintero said.",
  };
}

absl::StatusOr<std::vector<std::string>> ReadTexts(const std::string& path) {
  absl::StatusOr<std::unique_ptr<client::LineSource>> lines = client::OpenLines(path);
  if (!lines.ok()) return lines.status();
  const std::string shown = path == "-" ? "standard input" : path;
  std::vector<std::string> texts;
  client::LineSource::Line line;
  for (int64_t number = 1;; ++number) {
    absl::StatusOr<bool> more = (*lines)->Next(line);
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (line.too_long) return absl::InvalidArgumentError(absl::StrCat(shown, ":", number, ": is longer than 1 MiB"));
    if (client::FindInvalidUtf8(line.text).has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(shown, ":", number, ": is not UTF-8"));
    }
    if (!IsBlank(line.text)) texts.push_back(std::move(line.text));
  }
  if (texts.empty()) return absl::InvalidArgumentError(absl::StrCat(shown, ": has no text"));
  return texts;
}

}  // namespace fintag::bench
