//! What came out of the logins over the API: the table, and what is held against a target.

use serde::Serialize;

use super::confirm::{self, Confirm};
use super::login::{self, Login, Turn};

/// All that was measured; what was not says why.
#[derive(Debug, Serialize)]
pub(crate) struct Api {
    pub(crate) stores: Vec<Column>,
}

/// What was measured over one store; `None` if it was not asked for.
#[derive(Debug, Serialize)]
pub(crate) struct Column {
    pub(crate) store: &'static str,
    pub(crate) login: Option<Result<Login, String>>,
    pub(crate) confirm: Option<Result<Confirm, String>>,
}

/// A target: what, what was measured, the limit and its unit.
pub(crate) type Held = (String, Option<f64>, f64, &'static str);

impl Api {
    /// What is to be no more than its limit.
    pub(crate) fn at_most(&self) -> Vec<Held> {
        let mut held = Vec::new();
        for Column { store, confirm, .. } in &self.stores {
            let Some(confirm) = confirm else { continue };
            let median = confirm.as_ref().ok().map(|confirm| confirm.approved_less.median);
            let what = format!("yes to browser, {store}: approved, less WeChat's answer, median");
            held.push((what, median, 20.0, "ms"));
        }
        held
    }

    /// What is to be no less: logins over a store that several processes can share.
    pub(crate) fn at_least(&self) -> Vec<Held> {
        let mut held = Vec::new();
        for Column { store, login, .. } in &self.stores {
            let Some(login) = login else { continue };
            if *store != "redis" {
                continue;
            }
            let login = login.as_ref().ok();
            for (who, turn) in
                [("new", login.map(|login| login.new)), ("known", login.map(|login| login.known))]
            {
                let what = format!("API logins, {store}: {who} people");
                held.push((what, turn.map(|turn| turn.per_second), 500.0, "a second"));
            }
        }
        held
    }

    pub(crate) fn print(&self) {
        if self.stores.iter().any(|column| column.login.is_some()) {
            self.print_logins();
        }
        if self.stores.iter().any(|column| column.confirm.is_some()) {
            self.print_confirmations();
        }
    }

    fn print_logins(&self) {
        println!("\nlogins over the API, {} at a time", login::CLIENTS);
        println!(
            "{:<12}{:<8}{:>10}{:>28}{:>24}{:>8}{:>8}",
            "store",
            "people",
            "a second",
            "took, ms (median/p95/max)",
            "CPU µs of the gateway",
            "core0",
            "core1"
        );
        for Column { store, login, .. } in &self.stores {
            match login {
                None => {}
                Some(Err(why)) => println!("{store:<12}not measured: {why}"),
                Some(Ok(Login { new, known })) => {
                    print_turn(store, "new", new);
                    print_turn(store, "known", known);
                }
            }
        }
    }

    fn print_confirmations(&self) {
        println!(
            "\nconfirmations: {} browsers wait, one yes at a time, milliseconds (median/p95/max)",
            confirm::WAITING
        );
        println!(
            "{:<12}{:>20}{:>20}{:>20}{:>32}{:>22}{:>18}",
            "store",
            "scanned",
            "answered",
            "approved",
            "approved, less WeChat's answer",
            "after the answer",
            "WeChat's answer"
        );
        for Column { store, confirm, .. } in &self.stores {
            match confirm {
                None => {}
                Some(Err(why)) => println!("{store:<12}not measured: {why}"),
                Some(Ok(confirm)) => print_confirm(store, confirm),
            }
        }
    }
}

fn print_turn(store: &str, who: &str, turn: &Turn) {
    let Turn { per_second, took, cpu, test_core, load_core, .. } = turn;
    let (took, percent) = (took.show(), |share: &f64| format!("{:.0}%", 100.0 * share));
    println!(
        "{store:<12}{who:<8}{per_second:>10.0}{took:>28}{cpu:>24.0}{:>8}{:>8}",
        percent(test_core),
        percent(load_core)
    );
}

fn print_confirm(store: &str, confirm: &Confirm) {
    let Confirm { scanned, answered, approved, approved_less, after_answer, js_session } = confirm;
    let [scanned, answered, approved, less, after] =
        [scanned, answered, approved, approved_less, after_answer].map(|each| each.show());
    println!("{store:<12}{scanned:>20}{answered:>20}{approved:>20}{less:>32}{after:>22}{js_session:>18.1}");
}
