// Messages as co-wechat reads them: with its xml2js, one text an element.
'use strict';

const xml2js = require('xml2js');

exports.readXml = (text) =>
  new Promise((resolve, reject) => {
    xml2js.parseString(text, { explicitRoot: false, explicitArray: false }, (error, read) =>
      error ? reject(error) : resolve(read),
    );
  });
