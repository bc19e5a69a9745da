//! What a mutant is: the places of a source file where something else could stand, and what.

use std::{collections::BTreeSet, ops::Range};

use syn::{
    BinOp, Block, Expr, ExprBinary, ExprClosure, ExprLit, ExprMethodCall, ExprStruct, File, GenericArgument,
    ImplItemFn, ItemFn, Lit, Member, PathArguments, ReturnType, Signature, Stmt, TraitItemFn, Type, UnOp,
    spanned::Spanned,
    visit::{self, Visit},
};

use crate::edit::{Edit, Piece};

/// One fault that could have been made.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    pub(crate) id: usize,
    pub(crate) line: usize,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// Calls whose result is a `bool`.
const YES_OR_NO: &[&str] = &[
    "contains",
    "contains_key",
    "ends_with",
    "eq",
    "eq_ignore_ascii_case",
    "is_empty",
    "is_err",
    "is_none",
    "is_ok",
    "is_some",
    "starts_with",
];
/// Calls of a closure that says yes or no.
const ASKING: &[&str] = &[
    "all",
    "any",
    "filter",
    "find",
    "is_none_or",
    "is_some_and",
    "position",
    "retain",
    "skip_while",
    "take_while",
];
/// Calls that are easily taken for each other.
const TWINS: &[(&str, &str)] = &[
    ("all", "any"),
    ("checked_add", "checked_sub"),
    ("is_none_or", "is_some_and"),
    ("max", "min"),
    ("roles", "any_role"),
    ("saturating_add", "saturating_sub"),
];

pub(crate) struct Finder<'a> {
    source: &'a str,
    /// The path of the switch, as this crate sees it.
    switch: &'a str,
    next: usize,
    /// Constants of this file that are numbers or spans of time.
    numbers: BTreeSet<String>,
    pub(crate) mutants: Vec<Mutant>,
    pub(crate) edits: Vec<Edit>,
}

impl<'a> Finder<'a> {
    /// Everything in `file`, numbered from `first`.
    pub(crate) fn new(source: &'a str, file: &File, switch: &'a str, first: usize) -> Self {
        let mut constants = Constants::default();
        constants.visit_file(file);
        let mut finder = Self {
            source,
            switch,
            next: first,
            numbers: constants.0,
            mutants: Vec::new(),
            edits: Vec::new(),
        };
        finder.visit_file(file);
        finder
    }

    fn text(&self, range: &Range<usize>) -> &'a str {
        self.source.get(range.clone()).unwrap_or_default()
    }

    /// Notes a mutant of `range`; `pieces` are made from the question whether it is on.
    fn add(&mut self, range: Range<usize>, after: &str, pieces: impl FnOnce(&str) -> Vec<Piece>) {
        let (id, switch) = (self.next, self.switch);
        self.next += 1;
        let line = 1 + self.source.get(..range.start).unwrap_or_default().matches('\n').count();
        let before = self.text(&range).split_whitespace().collect::<Vec<_>>().join(" ");
        self.mutants.push(Mutant { id, line, before, after: after.to_owned() });
        self.edits.push(Edit { pieces: pieces(&format!("{switch}::m({id})")), range, id });
    }

    /// `range` or, if the mutant is on, `other`.
    fn either(&mut self, range: Range<usize>, after: &str, other: Vec<Piece>) {
        let source = range.clone();
        self.add(range, after, |on| {
            let mut pieces = vec![text(format!("(if {on} {{ "))];
            pieces.extend(other);
            pieces.extend([text(" } else { "), Piece::Source(source), text(" })")]);
            pieces
        });
    }

    /// A condition that always holds.
    fn always(&mut self, range: Range<usize>) {
        let source = range.clone();
        self.add(range, "true", |on| vec![text(format!("({on} || (")), Piece::Source(source), text("))")]);
    }

    /// A condition that never holds.
    fn never(&mut self, range: Range<usize>) {
        let source = range.clone();
        self.add(range, "false", |on| vec![text(format!("(!{on} && (")), Piece::Source(source), text("))")]);
    }

    /// A condition that holds when it should not, and the other way round.
    fn not(&mut self, range: Range<usize>, after: &str) {
        let source = range.clone();
        self.add(range, after, |on| vec![text("(("), Piece::Source(source), text(format!(") != {on})"))]);
    }

    /// The condition of an `if` or the guard of an arm. Where it binds something, the parts that do
    /// not bind.
    fn condition(&mut self, condition: &Expr) {
        if !binds(condition) {
            self.always(range(condition));
            self.never(range(condition));
            return self.visit_expr(condition);
        }
        match condition {
            Expr::Binary(ExprBinary { left, op: BinOp::And(_), right, .. }) => {
                self.condition(left);
                self.condition(right);
            }
            Expr::Let(bound) => self.visit_expr(&bound.expr),
            _ => {}
        }
    }

    fn function(&mut self, signature: &Signature, body: &Block) {
        if signature.constness.is_some() {
            return;
        }
        let by_value = signature
            .receiver()
            .is_some_and(|receiver| receiver.reference.is_none() && receiver.colon_token.is_none());
        let answers = match &signature.output {
            ReturnType::Default => vec![String::new()],
            ReturnType::Type(_, of) => answers(of, by_value),
        };
        let after_brace = body.brace_token.span.open().byte_range().end;
        if !body.stmts.is_empty() {
            for answer in answers {
                let name = format!("return {answer} from `{}`", signature.ident);
                self.add(after_brace..after_brace, &name, |on| {
                    vec![text(format!(" if {on} {{ return {answer}; }}"))]
                });
            }
        }
        self.visit_block(body);
    }

    fn binary(&mut self, binary: &ExprBinary) {
        let (whole, left, right) = (span(binary), range(&binary.left), range(&binary.right));
        let swap = |other: &str| {
            vec![Piece::Source(left.clone()), text(format!(" {other} ")), Piece::Source(right.clone())]
        };
        let shown = |other: &str| format!("`{other}`");
        match binary.op {
            BinOp::And(_) | BinOp::Or(_) => self.connective(binary, whole, left, right),
            BinOp::Eq(_) => self.not(whole, "`!=`"),
            BinOp::Ne(_) => self.not(whole, "`==`"),
            _ => {
                let other = match binary.op {
                    BinOp::Lt(_) => "<=",
                    BinOp::Le(_) => "<",
                    BinOp::Gt(_) => ">=",
                    BinOp::Ge(_) => ">",
                    BinOp::Add(_) => "-",
                    BinOp::Sub(_) | BinOp::Mul(_) => "+",
                    BinOp::BitAnd(_) => "|",
                    BinOp::BitOr(_) => "&",
                    BinOp::AddAssign(_) => "-=",
                    BinOp::SubAssign(_) => "+=",
                    BinOp::BitOrAssign(_) => "&=",
                    BinOp::BitAndAssign(_) => "|=",
                    _ => return,
                };
                self.either(whole, &shown(other), swap(other));
            }
        }
    }

    /// `&&` and `||` for each other, and each operand left out.
    fn connective(
        &mut self,
        binary: &ExprBinary,
        whole: Range<usize>,
        left: Range<usize>,
        right: Range<usize>,
    ) {
        let and = matches!(binary.op, BinOp::And(_));
        let (decided, other) = if and { ("==", "`||`") } else { ("!=", "`&&`") };
        let (first, second) = (left.clone(), right.clone());
        self.add(whole, other, |on| {
            vec![
                text("({ let left: bool = ("),
                Piece::Source(first),
                text(format!("); if left {decided} {on} {{ left }} else {{ (")),
                Piece::Source(second),
                text(") } })"),
            ]
        });
        for (operand, at) in [(&binary.left, left), (&binary.right, right)] {
            if matches!(&**operand, Expr::Binary(inner) if matches!(inner.op, BinOp::And(_)) == and && matches!(inner.op, BinOp::And(_) | BinOp::Or(_)))
            {
                continue;
            }
            if and { self.always(at) } else { self.never(at) }
        }
    }
}

fn text(text: impl Into<String>) -> Piece {
    Piece::Text(text.into())
}

fn span(of: &impl Spanned) -> Range<usize> {
    of.span().byte_range()
}

fn range(of: &Expr) -> Range<usize> {
    span(of)
}

/// Whether a condition contains a `let` that the branch uses.
fn binds(condition: &Expr) -> bool {
    match condition {
        Expr::Let(_) => true,
        Expr::Binary(ExprBinary { left, op: BinOp::And(_), right, .. }) => binds(left) || binds(right),
        _ => false,
    }
}

/// Values of a type that are easily made.
fn answers(of: &Type, by_value: bool) -> Vec<String> {
    let strings = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect();
    match of {
        Type::Tuple(tuple) if tuple.elems.is_empty() => vec!["()".to_owned()],
        Type::Reference(reference) => match &*reference.elem {
            Type::Path(path) if path.path.is_ident("str") => vec!["\"\"".to_owned()],
            _ => Vec::new(),
        },
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else { return Vec::new() };
            match last.ident.to_string().as_str() {
                "bool" => strings(&["true", "false"]),
                "u8" | "u16" | "u32" | "u64" | "usize" | "i64" | "i32" => strings(&["0", "1"]),
                "String" => strings(&["::std::string::String::new()"]),
                "Vec" => strings(&["::std::vec::Vec::new()"]),
                "Duration" => strings(&["::std::time::Duration::ZERO"]),
                "Option" => strings(&["None"]),
                "Self" if by_value => strings(&["self"]),
                "Result" => match &last.arguments {
                    PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
                        Some(GenericArgument::Type(inner)) => {
                            answers(inner, by_value).iter().map(|one| format!("Ok({one})")).collect()
                        }
                        _ => Vec::new(),
                    },
                    _ => Vec::new(),
                },
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

/// Code that only tests have, and what is there for people who read logs.
fn left_out(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return attribute.path().is_ident("test") };
        list.path.is_ident("cfg")
            && list
                .tokens
                .to_string()
                .split(|c: char| !c.is_alphanumeric())
                .any(|word| matches!(word, "test" | "doc"))
    })
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !left_out(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let shown = item.trait_.as_ref().is_some_and(|(_, path, _)| {
            path.segments
                .last()
                .is_some_and(|last| matches!(last.ident.to_string().as_str(), "Debug" | "Display" | "Error"))
        });
        if !shown && !left_out(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !left_out(&item.attrs) {
            self.function(&item.sig, &item.block);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !left_out(&item.attrs) {
            self.function(&item.sig, &item.block);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.sig, body);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        if let Stmt::Expr(call, Some(_)) = statement
            && matches!(
                call,
                Expr::Assign(_)
                    | Expr::Await(_)
                    | Expr::Binary(_)
                    | Expr::Call(_)
                    | Expr::MethodCall(_)
                    | Expr::Try(_)
            )
        {
            let whole = span(statement);
            let source = whole.clone();
            self.add(whole, "nothing", |on| {
                vec![text(format!("if !{on} {{ ")), Piece::Source(source), text(" }")]
            });
        }
        if let Stmt::Expr(Expr::Binary(assignment), Some(_)) = statement
            && matches!(
                assignment.op,
                BinOp::AddAssign(_) | BinOp::SubAssign(_) | BinOp::BitOrAssign(_) | BinOp::BitAndAssign(_)
            )
        {
            self.binary(assignment);
            return self.visit_expr(&assignment.right);
        }
        visit::visit_stmt(self, statement);
    }

    fn visit_expr_if(&mut self, branch: &'ast syn::ExprIf) {
        self.condition(&branch.cond);
        self.visit_block(&branch.then_branch);
        if let Some((_, other)) = &branch.else_branch {
            self.visit_expr(other);
        }
    }

    fn visit_expr_while(&mut self, repeated: &'ast syn::ExprWhile) {
        if binds(&repeated.cond) {
            self.condition(&repeated.cond);
        } else {
            self.never(range(&repeated.cond));
            self.visit_expr(&repeated.cond);
        }
        self.visit_block(&repeated.body);
    }

    fn visit_expr_match(&mut self, choice: &'ast syn::ExprMatch) {
        self.visit_expr(&choice.expr);
        let open =
            choice.arms.last().is_some_and(|arm| matches!(arm.pat, syn::Pat::Wild(_)) && arm.guard.is_none());
        for arm in &choice.arms {
            match &arm.guard {
                Some((_, guard)) => self.condition(guard),
                None if open && !matches!(arm.pat, syn::Pat::Wild(_)) => {
                    let end = span(&arm.pat).end;
                    let shown = format!("no arm for {}", self.text(&span(&arm.pat)));
                    self.add(end..end, &shown, |on| vec![text(format!(" if !{on}"))]);
                }
                None => {}
            }
            self.visit_expr(&arm.body);
        }
    }

    fn visit_expr_binary(&mut self, binary: &'ast ExprBinary) {
        if !binds(&Expr::Binary(binary.clone())) {
            self.binary(binary);
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        if matches!(unary.op, UnOp::Not(_)) {
            self.not(span(unary), "without `!`");
        }
        visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_macro(&mut self, call: &'ast syn::ExprMacro) {
        if call.mac.path.is_ident("matches") {
            self.not(span(call), "the opposite");
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let name = call.method.to_string();
        if YES_OR_NO.contains(&name.as_str()) {
            self.not(span(call), "the opposite");
        }
        let twin = TWINS
            .iter()
            .find_map(|&(one, other)| (name == one).then_some(other).or((name == other).then_some(one)));
        let twin = twin.or((name == "insert" && self.source.contains("headers_mut")).then_some("append"));
        if let Some(twin) = twin {
            let (whole, name) = (span(call), span(&call.method));
            let other =
                vec![Piece::Source(whole.start..name.start), text(twin), Piece::Source(name.end..whole.end)];
            self.either(whole, &format!("`{twin}`"), other);
        }
        if ASKING.contains(&name.as_str())
            && let Some(Expr::Closure(ExprClosure { body, .. })) = call.args.last()
        {
            self.always(range(body));
            self.never(range(body));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_lit(&mut self, literal: &'ast ExprLit) {
        if let Lit::Int(number) = &literal.lit
            && let Ok(value) = number.base10_parse::<u64>()
        {
            let after = format!("{}{}", value + 1, number.suffix());
            self.either(span(literal), &after, vec![text(after.clone())]);
        }
    }

    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        let Some(last) = path.path.segments.last() else { return };
        let here = path.path.segments.len() == 1
            || path.path.segments.first().is_some_and(|first| first.ident == "Self");
        if here && self.numbers.contains(&last.ident.to_string()) {
            let (whole, switch) = (span(path), self.switch);
            let (id, source) = (self.next, whole.clone());
            self.add(whole, "+ 1", |_| {
                vec![
                    text(format!("{switch}::Bump::bump(")),
                    Piece::Source(source),
                    text(format!(", {id} /* ::m({id}) */)")),
                ]
            });
        }
    }

    fn visit_expr_struct(&mut self, made: &'ast ExprStruct) {
        if let Some(Expr::Path(rest)) = made.rest.as_deref() {
            for field in &made.fields {
                if let Member::Named(name) = &field.member
                    && field.colon_token.is_some()
                {
                    let kept = format!("{}.{name}", self.text(&span(rest)));
                    self.either(range(&field.expr), &kept, vec![text(kept.clone())]);
                }
            }
        }
        visit::visit_expr_struct(self, made);
    }

    // What is computed when it is compiled cannot ask at run time.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}
    fn visit_expr_repeat(&mut self, _: &'ast syn::ExprRepeat) {}
    fn visit_item_enum(&mut self, _: &'ast syn::ItemEnum) {}
    fn visit_type(&mut self, _: &'ast Type) {}
    fn visit_generics(&mut self, _: &'ast syn::Generics) {}
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}

#[derive(Default)]
struct Constants(BTreeSet<String>);

impl Constants {
    fn note(&mut self, name: &syn::Ident, of: &Type) {
        let Type::Path(path) = of else { return };
        let Some(last) = path.path.segments.last() else { return };
        let of = last.ident.to_string();
        if matches!(
            of.as_str(),
            "u8" | "u16" | "u32" | "u64" | "u128" | "usize" | "i16" | "i32" | "i64" | "i128" | "Duration"
        ) {
            self.0.insert(name.to_string());
        }
    }
}

impl<'ast> Visit<'ast> for Constants {
    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.note(&item.ident, &item.ty);
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.note(&item.ident, &item.ty);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit;

    const SOURCE: &str = r"
        const LIMIT: usize = 3;
        const fn fixed(a: u8) -> bool { a < 3 }
        impl Guard {
            fn lets_in(&self, a: usize, b: Option<bool>) -> bool {
                self.note(a);
                if let Some(true) = b && a <= LIMIT { return false; }
                match a { 0 => true, _ if self.open => !self.shut, _ => a == LIMIT && self.list.any(|one| one == a) }
            }
            fn and(self, more: u8) -> Self { Self { more, of: more + 1, ..self } }
        }
        impl Debug for Guard { fn fmt(&self) -> bool { true } }
        #[cfg(test)]
        mod tests { fn test() -> bool { true } }
    ";

    fn found() -> Finder<'static> {
        Finder::new(SOURCE, &syn::parse_file(SOURCE).unwrap(), "crate::mutation", 1)
    }

    #[test]
    fn what_could_be_otherwise_is_found() {
        let found = found();
        let all: Vec<_> =
            found.mutants.iter().map(|mutant| (mutant.before.as_str(), mutant.after.as_str())).collect();
        for expected in [
            ("", "return true from `lets_in`"),
            ("", "return false from `lets_in`"),
            ("self.note(a);", "nothing"),
            ("a <= LIMIT", "true"),
            ("a <= LIMIT", "`<`"),
            ("LIMIT", "+ 1"),
            ("", "no arm for 0"),
            ("self.open", "false"),
            ("!self.shut", "without `!`"),
            ("a == LIMIT", "true"),
            ("one == a", "`!=`"),
            ("", "return self from `and`"),
            ("more + 1", "self.of"),
            ("more + 1", "`-`"),
            ("1", "2"),
        ] {
            assert!(all.contains(&expected), "{expected:?} in {all:#?}");
        }
        assert!(!all.iter().any(|(before, _)| before.contains("a < 3")), "a constant function cannot ask");
        assert_eq!(
            all.iter().filter(|(_, after)| after.contains("`fmt`") || after.contains("`test`")).count(),
            0
        );
    }

    #[test]
    fn the_source_stays_a_source() {
        let found = found();
        let all: Vec<usize> = found.mutants.iter().map(|mutant| mutant.id).collect();
        assert_eq!(all, (1..=all.len()).collect::<Vec<_>>());
        let text = edit::apply(SOURCE, found.edits);
        assert!(syn::parse_file(&text).is_ok(), "{text}");
        for id in all {
            assert!(text.contains(&format!("::m({id})")), "{id} in {text}");
        }
        assert_eq!(text.lines().count(), SOURCE.lines().count());
        assert_eq!(edit::apply(SOURCE, Vec::new()), SOURCE);
    }
}
