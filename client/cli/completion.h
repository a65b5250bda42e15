// Shell completion, written from the tree of commands itself, so that it cannot fall behind.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace fintag::client {

// The script that teaches bash, zsh or fish the commands, options and values of `root`; for `shell` one of those names.
std::string CompletionScript(const CLI::App& root, const std::string& shell);

// `text` as one word of every shell's command line, in quotes where it needs them.
std::string ShellWord(const std::string& text);

}  // namespace fintag::client
