#include "client/cli/completion.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstring>
#include <vector>

namespace fintag::client {
namespace {

struct OptionWords {
  std::vector<std::string> names;  // "--format"
  std::string description;
  bool takes_value = false;
  bool takes_path = false;
  std::vector<std::string> values;  // if only some are right
};

struct CommandWords {
  std::vector<std::string> path;  // {"datasets", "upload"}; empty for the program itself
  std::string description;
  std::vector<std::pair<std::string, std::string>> commands;  // or an argument's values: name, description
  std::vector<OptionWords> options;
  bool takes_path = false;  // as an argument
};

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

OptionWords WordsOf(const CLI::Option& option) {
  OptionWords words;
  for (const std::string& name : option.get_snames()) words.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) words.names.push_back("--" + name);
  words.description = option.get_description();
  words.takes_value = option.get_items_expected_max() > 0;
  // CLI11 shows the values of IsMember in the type: "TEXT:{best,last}".
  const std::string type = option.get_type_name();
  words.takes_path = type.rfind("FILE", 0) == 0 || type.rfind("FOLDER", 0) == 0;
  const size_t open = type.find('{');
  const size_t close = type.find('}');
  if (open != std::string::npos && close != std::string::npos) {
    std::string value;
    for (const char letter : type.substr(open + 1, close - open - 1) + ",") {
      if (letter != ',') {
        value += letter;
      } else {
        words.values.push_back(value);
        value.clear();
      }
    }
  }
  return words;
}

void Collect(const CLI::App& app, const std::vector<std::string>& path, std::vector<CommandWords>& all) {
  CommandWords command;
  command.path = path;
  command.description = app.get_description();
  for (const CLI::Option* option : app.get_options()) {
    if (option->nonpositional()) command.options.push_back(WordsOf(*option));
    if (!option->get_positional()) continue;
    if (option->get_name() == "FOLDER" || option->get_name() == "FILE") command.takes_path = true;
    for (const std::string& value : WordsOf(*option).values) {
      command.commands.emplace_back(value, option->get_description());
    }
  }
  for (const CLI::App* child : app.get_subcommands({})) {
    command.commands.emplace_back(child->get_name(), child->get_description());
  }
  all.push_back(command);
  for (const CLI::App* child : app.get_subcommands({})) {
    std::vector<std::string> deeper = path;
    deeper.push_back(child->get_name());
    Collect(*child, deeper, all);
  }
}

// The options of a command and those that the program takes everywhere.
std::vector<OptionWords> OptionsOf(const CommandWords& command, const std::vector<CommandWords>& all) {
  std::vector<OptionWords> options = command.options;
  if (command.path.empty()) return options;
  for (const OptionWords& option : all.front().options) {
    const bool known =
        std::any_of(options.begin(), options.end(), [&](const OptionWords& own) { return own.names == option.names; });
    if (!known) options.push_back(option);
  }
  return options;
}

// In single quotes for every shell.
std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char letter : text) quoted += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return quoted + "'";
}

// `command_path` in the shell becomes the commands typed so far: "datasets upload".
std::string PathCases(const std::vector<CommandWords>& all, const std::string& indent) {
  std::string text;
  for (const CommandWords& command : all) {
    if (!command.path.empty()) text += (text.empty() ? "" : "|") + Quoted(Joined(command.path));
  }
  return indent + text + ") command_path=$candidate ;;\n";
}

// The pattern of `case "PATH:NAME"` that takes any name of the option.
std::string CasesOf(const CommandWords& command, const OptionWords& option) {
  std::string cases;
  for (const std::string& name : option.names) {
    if (!cases.empty()) cases += "|";
    cases += Quoted(Joined(command.path) + ":" + name);
  }
  return cases;
}

std::string BashScript(const std::vector<CommandWords>& all) {
  std::string text =
      "# bash completion of fintag: source <(fintag completion bash)\n"
      "_fintag() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command_path='' candidate word\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    candidate=${command_path:+$command_path }$word\n"
      "    case $candidate in\n" +
      PathCases(all, "      ") +
      "    esac\n"
      "  done\n"
      "  COMPREPLY=()\n"
      "  case \"$command_path:$previous\" in\n";
  for (const CommandWords& command : all) {
    for (const OptionWords& option : OptionsOf(command, all)) {
      if (!option.takes_value) continue;
      const std::string cases = CasesOf(command, option);
      std::string reply;
      if (option.takes_path) reply = "compopt -o filenames; COMPREPLY=($(compgen -f -- \"$current\")); ";
      if (!option.values.empty()) {
        reply = "COMPREPLY=($(compgen -W " + Quoted(Joined(option.values)) + " -- \"$current\")); ";
      }
      text += "    " + cases + ") " + reply + "return ;;\n";
    }
  }
  text += "  esac\n  case $command_path in\n";
  for (const CommandWords& command : all) {
    std::string words;
    for (const auto& [name, description] : command.commands) words += name + " ";
    for (const OptionWords& option : OptionsOf(command, all)) words += Joined(option.names) + " ";
    text += "    " + Quoted(Joined(command.path)) + ") COMPREPLY=($(compgen -W " + Quoted(words) + " -- \"$current\"))";
    if (command.takes_path) text += "; compopt -o filenames; COMPREPLY+=($(compgen -f -- \"$current\"))";
    text += " ;;\n";
  }
  return text + "  esac\n}\ncomplete -F _fintag fintag\n";
}

// zsh's _describe takes "name:description".
std::string ZshWord(const std::string& name, const std::string& description) {
  std::string escaped;
  for (const char letter : name) escaped += letter == ':' ? std::string("\\:") : std::string(1, letter);
  return Quoted(escaped + ":" + description);
}

std::string ZshScript(const std::vector<CommandWords>& all) {
  std::string text =
      "#compdef fintag\n"
      "# zsh completion of fintag: fintag completion zsh > \"${fpath[1]}/_fintag\"\n"
      "_fintag() {\n"
      "  local command_path='' candidate word previous=${words[CURRENT-1]}\n"
      "  local -a choices\n"
      "  for word in ${words[2,CURRENT-1]}; do\n"
      "    candidate=${command_path:+$command_path }$word\n"
      "    case $candidate in\n" +
      PathCases(all, "      (") +
      "    esac\n"
      "  done\n"
      "  case \"$command_path:$previous\" in\n";
  for (const CommandWords& command : all) {
    for (const OptionWords& option : OptionsOf(command, all)) {
      if (!option.takes_value) continue;
      const std::string cases = CasesOf(command, option);
      std::string reply = "_message " + Quoted(option.description);
      if (option.takes_path) reply = "_files";
      if (!option.values.empty()) reply = "compadd -- " + Joined(option.values);
      text += "    (" + cases + ") " + reply + "; return ;;\n";
    }
  }
  text += "  esac\n  case $command_path in\n";
  for (const CommandWords& command : all) {
    text += "    (" + Quoted(Joined(command.path)) + ")\n      choices=(";
    for (const auto& [name, description] : command.commands) text += "\n        " + ZshWord(name, description);
    for (const OptionWords& option : OptionsOf(command, all)) {
      for (const std::string& name : option.names) text += "\n        " + ZshWord(name, option.description);
    }
    text += ")\n      _describe 'fintag' choices";
    if (command.takes_path) text += "\n      _files";
    text += " ;;\n";
  }
  // Found on fpath, the whole file is the function's body at the first use, and must then complete as well.
  return text + "  esac\n}\ncompdef _fintag fintag\nif [[ $funcstack[1] == _fintag ]]; then _fintag; fi\n";
}

std::string FishScript(const std::vector<CommandWords>& all) {
  std::string text =
      "# fish completion of fintag: fintag completion fish > ~/.config/fish/completions/fintag.fish\n"
      "function __fintag_at\n"
      "  set -l command_path ''\n"
      "  for word in (commandline -opc)[2..-1]\n"
      "    set -l candidate (string trim -- \"$command_path $word\")\n"
      "    switch $candidate\n"
      "      case";
  for (const CommandWords& command : all) {
    if (!command.path.empty()) text += " " + Quoted(Joined(command.path));
  }
  text +=
      "\n        set command_path $candidate\n"
      "    end\n"
      "  end\n"
      "  test \"$command_path\" = \"$argv[1]\"\n"
      "end\n"
      "complete -c fintag -f\n";
  for (const CommandWords& command : all) {
    const std::string at = "complete -c fintag -n \"__fintag_at " + Quoted(Joined(command.path)) + "\"";
    for (const auto& [name, description] : command.commands) {
      text += at + " -a " + name + " -d " + Quoted(description) + "\n";
    }
    if (command.takes_path) text += at + " -F\n";
    for (const OptionWords& option : OptionsOf(command, all)) {
      text += at;
      for (const std::string& name : option.names) {
        text += name.size() == 2 ? " -s " + name.substr(1) : " -l " + name.substr(2);
      }
      if (option.takes_path) {
        text += " -r -F";
      } else if (!option.values.empty()) {
        text += " -x -a " + Quoted(Joined(option.values));
      } else if (option.takes_value) {
        text += " -x";
      }
      text += " -d " + Quoted(option.description) + "\n";
    }
  }
  return text;
}

}  // namespace

std::string ShellWord(const std::string& text) {
  const auto plain = [](unsigned char letter) { return std::isalnum(letter) || std::strchr("-_./:@%+,", letter); };
  return !text.empty() && std::all_of(text.begin(), text.end(), plain) ? text : Quoted(text);
}

std::string CompletionScript(const CLI::App& root, const std::string& shell) {
  std::vector<CommandWords> all;
  Collect(root, {}, all);
  if (shell == "zsh") return ZshScript(all);
  if (shell == "fish") return FishScript(all);
  return BashScript(all);
}

}  // namespace fintag::client
