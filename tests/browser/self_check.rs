//! The watchers watched: what these tests call a complaint or a problem is one.

use crate::chromium::Browser;
use crate::house::House;
use crate::look::Look;

#[tokio::test]
async fn a_broken_policy_and_an_exception_are_complaints() {
    let house = House::start().await;
    let browser = Browser::open(Look::DESKTOP).await;
    house.ask_for(&browser, "/").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser
        .js("document.body.append(Object.assign(new Image(), { alt: '', src: 'http://127.0.0.2:9/a.png' }))")
        .await;
    browser.hold("document.images[document.images.length - 1].complete").await;
    let complaints = browser.complaints().await;
    assert!(complaints.iter().any(|line| line.contains("Content Security Policy")), "{complaints:?}");
    browser.close().await;
    house.close().await;
}

#[tokio::test]
async fn a_page_with_faults_has_a_problem_for_each() {
    let house = House::start().await;
    let browser = Browser::open(Look::DESKTOP).await;
    browser.go(&house.at("/public")).await;
    assert_eq!(browser.problems().await, Vec::<String>::new());
    let faults = [
        ("document.body.append(document.createElement('h1'))", "exactly one h1"),
        ("document.body.append(document.createElement('button'))", "has no name"),
        ("document.body.append(document.createElement('img'))", "has no alt"),
        ("document.querySelector('nav a').style.outline = 'none'", "focus cannot be seen"),
        ("document.querySelector('h1').style.color = '#ccc'", "contrast is only"),
        ("document.querySelector('main').style.width = '3000px'", "scrolls sideways"),
        ("document.documentElement.lang = ''", "no lang"),
    ];
    for (fault, problem) in faults {
        browser.js(fault).await;
        let problems = browser.problems().await;
        assert!(problems.iter().any(|found| found.contains(problem)), "{problem} is not in {problems:#?}");
    }
    browser.close().await;
    house.close().await;
}
