#include "cli/manual.h"
#include <assert.h>
#include <ctype.h>
#include <string.h>

/* One character of roff: what troff would take for a command of its own stands for itself. */
static void put_letter(FILE *f, char c, bool literal) {
  switch (c) {
  case '\\': fputs("\\e", f); break;
  case '\'': fputs("\\(aq", f); break;
  case '^': fputs("\\(ha", f); break;
  case '~': fputs("\\(ti", f); break;
  case '-': fputs(literal ? "\\-" : "-", f); break;
  default: fputc(c, f);
  }
}

static void put_letters(FILE *f, const char *text, size_t length, bool literal) {
  for (size_t i = 0; i < length; i++) put_letter(f, text[i], literal);
}

static bool in_name(char c) { return isalnum((unsigned char)c) || c == '_'; }

/* The length of the run of capitals and digits at the start of `text`, 0 when what stands there is no such word. */
static size_t capitals(const char *text) {
  size_t n = 0;
  if (!isupper((unsigned char)text[0])) return 0;
  while (isupper((unsigned char)text[n]) || isdigit((unsigned char)text[n])) n++;
  return in_name(text[n]) ? 0 : n;
}

/* Does `text` have this word, with no letters around it? */
static bool has_word(const char *text, const char *word, size_t length) {
  for (const char *p = text; *p; p++)
    if (strncmp(p, word, length) == 0 && !in_name(p[length]) && (p == text || !in_name(p[-1]))) return true;
  return false;
}

/* Is this the name of an argument of the command? */
static bool is_argument(const struct command *c, const char *word, size_t length) {
  if (!c) return false;
  if (has_word(c->usage, word, length)) return true;
  for (uint32_t i = 0; i < OPTIONS_MAX && c->option[i].name; i++)
    if (c->option[i].argument && has_word(c->option[i].argument, word, length)) return true;
  return false;
}

/* Text with options in bold and arguments in italics. `literal`: the text is what one types, so its dashes are those of
 * the keyboard. */
static void put_text(FILE *f, const struct command *c, const char *text, size_t length, bool literal) {
  const char *end = text + length;
  bool bold = false;
  if (length && (*text == '.' || *text == '\'')) fputs("\\&", f);
  for (const char *p = text; p < end;) {
    size_t n = capitals(p);
    bool starts = p == text || !in_name(p[-1]);
    if (*p == '`') {
      bold = !bold;
      fputs(bold ? "\\fB" : "\\fR", f);
      p++;
    } else if (!bold && starts && *p == '-' && p + 1 < end && (p[1] == '-' || isalpha((unsigned char)p[1])) &&
               (p == text || p[-1] != '-')) {
      for (n = 1; p + n < end && (p[n] == '-' || isalnum((unsigned char)p[n]));) n++;
      fputs("\\fB", f);
      put_letters(f, p, n, true);
      fputs("\\fR", f);
      p += n;
    } else if (!bold && starts && n && p + n <= end && is_argument(c, p, n)) {
      fprintf(f, "\\fI%.*s\\fR", (int)n, p);
      p += n;
    } else {
      put_letter(f, *p++, literal || bold);
    }
  }
  assert(!bold);
}

/* The length of what stands before two spaces on this line; 0: the line is no item. */
static size_t item_length(const char *line, size_t length) {
  for (size_t i = 1; i + 2 < length; i++)
    if (line[i] == ' ' && line[i + 1] == ' ') return line[0] == ' ' ? 0 : i;
  return 0;
}

/* The layout of the header. `item` in and out of the text: are we in a list? */
static void put_description(FILE *f, const struct command *c, const char *text) {
  bool in_item = false, empty = true;
  for (const char *line = text; *line;) {
    size_t length = strcspn(line, "\n"), term = item_length(line, length);
    if (length == 0) {
      fputs(".PP\n", f);
      in_item = false;
    } else if (term) {
      fputs(".TP\n", f);
      put_text(f, c, line, term, true);
      fputc('\n', f);
      term += strspn(line + term, " ");
      put_text(f, c, line + term, length - term, false);
      fputc('\n', f);
      in_item = true;
    } else {
      size_t indent = strspn(line, " ");
      bool paragraph = strncmp(line, "Exit status:", 12) == 0 && !empty;
      if ((in_item && indent == 0) || paragraph) {
        fputs(".PP\n", f);
        in_item = false;
      }
      put_text(f, c, line + indent, length - indent, false);
      fputc('\n', f);
    }
    empty = false;
    line += length + (line[length] == '\n');
  }
}

/* "threads to compute with (3)" becomes a sentence; a first word that is to be typed stays as it is. */
static void put_sentence(FILE *f, const struct command *c, const char *text) {
  char first[2] = {text[0], 0};
  size_t length = strlen(text), word = strcspn(text, " ");
  bool prose = true;
  for (size_t i = 0; i < word; i++) prose = prose && islower((unsigned char)text[i]);
  if (prose) first[0] = (char)toupper((unsigned char)text[0]);
  put_text(f, NULL, first, 1, false);
  put_text(f, c, text + 1, length - 1, false);
  fputs(text[length - 1] == '.' ? "\n" : ".\n", f);
}

static void put_option(FILE *f, const struct command *c, const struct option_row *o) {
  fputs(".TP\n", f);
  if (o->letter) fprintf(f, "\\fB\\-%c\\fR, ", o->letter);
  fputs("\\fB\\-\\-", f);
  put_letters(f, o->name, strlen(o->name), true);
  fputs("\\fR", f);
  if (o->argument) {
    fputs(" \\fI", f);
    put_letters(f, o->argument, strlen(o->argument), true);
    fputs("\\fR", f);
  }
  fputc('\n', f);
  put_sentence(f, c, o->text);
}

static void put_command(FILE *f, const struct command *c) {
  fprintf(f, ".SS %s\n\\fBassay %s\\fR ", c->name, c->name);
  put_text(f, c, c->usage, strlen(c->usage), true);
  fputs("\n.PP\n", f);
  put_sentence(f, c, c->summary);
  put_description(f, c, c->text);
  for (uint32_t i = 0; i < OPTIONS_MAX && c->option[i].name; i++) put_option(f, c, &c->option[i]);
  if (c->more) {
    fputs(".PP\n", f);
    put_description(f, c, c->more);
  }
}

static const char introduction[] =
    "Assay trains a network described by an ONNX file and a job file, with the same bits on every machine, compiler "
    "and\n"
    "number of threads, and commits to the state at the end of every interval of the run. Anyone can compute any\n"
    "interval again and compare. A chain takes jobs, pays those who do and check the work, and takes the stake of "
    "those\n"
    "who lie.\n"
    "\n"
    "Results go to standard output, progress and messages to standard error. With --json a command prints one JSON\n"
    "object a line; the last line is the result.\n"
    "\n"
    "`assay --version` prints the version, the canon, and what this machine computes with. `assay COMMAND --help` "
    "tells\n"
    "about one command. `assay man` prints this page.\n";

static const char statuses[] = "0  Done; the answer is yes.\n"
                               "1  The answer is no: the run diverged, the roots differ, a node does not lower, there\n"
                               " is no such task.\n"
                               "2  Bad input, a damaged file, or words that are not known.\n"
                               "3  Disk, memory, permissions, or nobody answers.\n"
                               "130  Stopped by Ctrl-C, after saving.\n";

static const char variables[] = "ASSAY_BACKEND  scalar, avx2, avx512 or neon: computes with this back end where the "
                                "machine runs it. Never changes\n"
                                " a bit.\n"
                                "TMPDIR  Where `bench` keeps its job.\n";

static const char files[] =
    "DIR/job.yaml, DIR/job.json  The job as given, and as resolved, with its roots.\n"
    "DIR/tapes/, DIR/traces/, DIR/checkpoints/  The programs, the commitments, and the states at the ends of "
    "intervals.\n"
    "DIR/metrics.jsonl, DIR/tensorboard/  Loss, learning rate and speed of every update; loss and accuracy of every\n"
    " evaluation.\n"
    "DIR/model.onnx, DIR/model.safetensors, DIR/README.md  The trained network and its card.\n"
    "DIR/SABOTAGED  Only of a run made with `train --sabotage`: what it lied about, as in weight@7, and what that "
    "means.\n"
    "DIR/key, DIR/password  Of `init`: the sealed key, and, with --machine, its password. Whoever reads both has the\n"
    " key.\n"
    "DIR/agent/  Of a role: the journal of what it promised, and the states it works with. The same command goes on\n"
    " there.\n"
    "/etc/assay/ROLE.conf  Settings of the systemd unit assay-ROLE: NODE=URL and OPTIONS=..; see docs/operate.md.\n";

static const char *const examples[] = {
    "assay quote examples/fashion/job.yaml",
    "assay train examples/fashion/job.yaml -o run",
    "assay verify run --intervals 5",
    "assay inspect run/tapes/train.tape --record 12",
    "assay devnet -o net",
    "assay submit examples/fashion/job.yaml -o out",
    "assay status",
    "assay why JOB",
    "assay certificate check out/certificate",
    "assay init me --machine && assay solve me --node http://HOST:26657 --stake 200"};

void manual_print(FILE *f, const struct command_row *rows, uint32_t rows_count) {
  fputs(".\\\" Made by `assay man` from the words of each command; what is changed here by hand is lost.\n", f);
  fprintf(f, ".TH ASSAY 1 \"2026\" \"assay %s\" \"User Commands\"\n", ASSAY_VERSION);
  fputs(".SH NAME\nassay \\- trains neural networks so that anyone can check the work\n"
        ".SH SYNOPSIS\n\\fBassay\\fR \\fICOMMAND\\fR [\\fIoptions\\fR]\n.SH DESCRIPTION\n",
        f);
  put_description(f, NULL, introduction);
  for (uint32_t i = 0; i < rows_count; i++)
    if (!rows[i].heading) {
      put_command(f, rows[i].command);
    } else {
      fputs(".SH COMMANDS: ", f);
      for (const char *p = rows[i].heading; *p; p++) fputc(toupper((unsigned char)*p), f);
      fputc('\n', f);
    }
  fputs(".SH EXIT STATUS\n", f);
  put_description(f, NULL, statuses);
  fputs(".SH ENVIRONMENT\n", f);
  put_description(f, NULL, variables);
  fputs(".SH FILES\n", f);
  put_description(f, NULL, files);
  fputs(".SH EXAMPLES\n.EX\n", f);
  for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
    put_text(f, NULL, examples[i], strlen(examples[i]), true);
    fputc('\n', f);
  }
  fputs(".EE\n.SH SEE ALSO\n", f);
  put_description(f, NULL,
                  "The pages in the folder docs of the source: job.md (every key of a job file), ledger.md (the rules\n"
                  "of the network), protocol.md (what is committed, and how a disagreement is decided).\n");
}
